# Freed pages are used by the next transaction that needs some: many small transactions leave an index as large as a new one
# with the same rows, and what VACUUM frees serves the first transaction after it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 32;
my $node  = new_node('reuse');
my $query = query_vector($node, $dims, 1);

sub size { return $node->safe_psql('postgres', "SELECT pg_relation_size('$_[0]_v') / 8192"); }

# Rows $first .. $last, $step a transaction; those of one are what the query gives, from i on.
sub in_steps
{
    my ($table, $first, $last, $step, $rows) = @_;
    $node->safe_psql(
        'postgres', qq{
        DO \$\$ BEGIN
            FOR i IN $first .. $last BY $step LOOP
                INSERT INTO $table $rows;
                COMMIT;
            END LOOP;
        END \$\$});
    return;
}

sub trickle { return in_steps(@_, 5, "SELECT id, vq_row(id, $dims) FROM generate_series(i, i + 4) id"); }
sub batches { return in_steps(@_, 100, 'SELECT id, v FROM many WHERE id BETWEEN i AND i + 99'); }

sub small_transactions
{
    my ($am, $table, $with) = @_;
    new_table($node, $table, $dims, 500, am => $am, with => $with);
    my $built = size($table);
    trickle($table, 501, 5000);
    my $grown = size($table);
    is_complete($node, $table, $query, "$table, small transactions");
    $node->safe_psql('postgres', "REINDEX INDEX ${table}_v");
    my $fresh = size($table);
    note("$table: $built pages, $grown after 900 transactions, $fresh when built anew");
    cmp_ok($grown, '<=', 1.5 * $fresh, "$table: sealing's pages are used again");

    # Nothing else uses up an xid between VACUUM and the transaction that wants its pages.
    $node->safe_psql('postgres', "ALTER TABLE $table SET (vacuum_truncate = off)");
    $node->safe_psql('postgres', "DELETE FROM $table");
    $node->safe_psql('postgres', "VACUUM $table");
    my $vacuumed = size($table);
    $node->safe_psql('postgres', "INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(1, 300) id");
    is(size($table), $vacuumed, "$table: the first transaction after VACUUM finds its pages");

    # A snapshot that may still read them holds freed pages back, no longer than it lasts. Those do not stand before others.
    my $reader = $node->background_psql('postgres');
    $reader->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM $table;");
    trickle($table, 5001, 6500);
    is_complete($node, $table, $query, "$table, with an old snapshot");
    my $held = size($table);
    $reader->query_safe('COMMIT;');
    $reader->quit;
    trickle($table, 6501, 7000);
    cmp_ok(size($table), '<=', $held + 3, "$table: used once the snapshot is gone");
    is_complete($node, $table, $query, "$table, after the old snapshot");
    return;
}

# Transactions merge a group's open rows with its tiles before they are many, unless that made the file much longer: where a snapshot holds back what was
# freed, and within one statement.
sub merging
{
    my ($am) = @_;
    my $table = "merged_$am";
    $node->safe_psql('postgres', "CREATE TABLE $table AS SELECT * FROM many WHERE id <= 45000");
    $node->safe_psql('postgres', "CREATE INDEX ${table}_v ON $table USING $am (v) WITH (nlist = 1280)");
    my $built = size($table);
    my $reader = $node->background_psql('postgres');
    $reader->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM $table;");
    batches($table, 45001, 54000);
    my $held = size($table);
    $reader->query_safe('COMMIT;');
    $reader->quit;
    batches($table, 54001, 60000);
    my $open = $node->safe_psql('postgres', "SELECT open_share FROM vector_quant_index_stats('${table}_v')");
    is_complete($node, $table, $query, "$table, merged");
    my $size = size($table);
    $node->safe_psql('postgres', "INSERT INTO $table SELECT id + 60000, v FROM many WHERE id <= 30000");
    my $grown = size($table);
    note("$table: $built pages, $held and $size with a third more rows, $grown with half of all more in one statement; open: $open");
    cmp_ok($held, '<=', 1.5 * $built, "$table: merged no more often than the file has room for, with an old snapshot");
    cmp_ok($open, '<', 0.12, "$table: few rows are open");
    cmp_ok($grown, '<=', 3 * $size, "$table: many rows in one statement");
    $node->safe_psql('postgres', "DROP TABLE $table");
    return;
}

$node->safe_psql('postgres',
    "CREATE TABLE many (id bigint, v vector($dims));
     INSERT INTO many SELECT id, vq_row(id, $dims) FROM generate_series(1, 20000) id;
     INSERT INTO many SELECT id + n * 20000, v FROM many, generate_series(1, 2) n");
for my $am (access_methods())
{
    merging($am);
    small_transactions($am, "plain_$am", 'nlist = 10');
    small_transactions($am, "fine_$am", "nlist = 10, refine = true, refine_type = 'SQ8', " . variant($am, 1));
}

# A rollback keeps what sealing did; the session's next commit offers the pages.
new_table($node, 'rolled', $dims, 500, am => 'ivf_rabitq', with => 'nlist = 2');
$node->safe_psql(
    'postgres', qq{
    BEGIN; INSERT INTO rolled SELECT id, vq_row(id, $dims) FROM generate_series(501, 4500) id; ROLLBACK;
    SELECT 1});
my $rolled = size('rolled');
trickle('rolled', 501, 900);
is(size('rolled'), $rolled, 'pages freed before a rollback are used again');
is_complete($node, 'rolled', $query, 'after a rollback');

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
