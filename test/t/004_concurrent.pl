# Inserts, deletes, updates and queries from several sessions while VACUUM runs and the index is built and rebuilt
# CONCURRENTLY. No session may see an error, and afterwards the index holds exactly the table's rows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 16;
my $node  = new_node('concurrent', 'max_connections = 30', 'deadlock_timeout = 100ms');
my $query = query_vector($node, $dims, 1);
$node->safe_psql('postgres', 'CREATE SEQUENCE s START 100000');

# pgbench scripts for the table, as options.
sub scripts
{
    my ($am, $table) = @_;
    my %script = (
        insert => "INSERT INTO $table SELECT n, vq_row(n, $dims) FROM (SELECT nextval('s') n FROM generate_series(1, 20)) g;",
        # Rows of other sessions may vanish between choice and deletion; that is not an error.
        delete => '\set r random(0, 200)' . "\nDELETE FROM $table WHERE id % 200 = :r AND id > 1000;",
        update => '\set r random(1, 1000)' . "\nUPDATE $table SET v = vq_row(id + 1, $dims) WHERE id = :r;",
        query  => "SET enable_seqscan = off; SET $am.nprobe = 3;\n"
          . "SELECT 1 / (count(*) = 300)::int FROM (SELECT id FROM $table ORDER BY v <-> $query LIMIT 300) n;",
        cosine => "SET enable_seqscan = off;\n"
          . "SELECT 1 / (count(DISTINCT id) = 300)::int FROM (SELECT id FROM $table ORDER BY v <=> $query LIMIT 300) n;");
    my $temp = PostgreSQL::Test::Utils::tempdir();
    my @files;
    for my $name (sort keys %script)
    {
        append_to_file("$temp/$name.sql", "$script{$name}\n");
        push @files, '-f', "$temp/$name.sql";
    }
    return @files;
}

# Runs the scripts in several sessions while $meanwhile is called; then everything must be in order.
sub bench
{
    my ($table, $files, $step, $meanwhile) = @_;
    my ($out, $err) = ('', '');
    my @command = ('pgbench', '-n', '-c', 6, '-j', 2, '-T', 6, @$files, $node->connstr('postgres'));
    my $handle = IPC::Run::start(\@command, '>', \$out, '2>', \$err);
    $meanwhile->();
    $handle->finish;
    unlike($err, qr/ERROR|aborted|PANIC|closed the connection/, "$table, $step: no session saw an error");
    my ($count) = $out =~ /transactions actually processed: (\d+)/;
    cmp_ok($count // 0, '>', 50, "$table, $step: sessions did something");
    is_complete($node, $table, $query, "$table, $step");
    is_complete($node, $table, $query, "$table, $step, cosine", '<=>');
}

for my $am (access_methods())
{
    my $table = "items_$am";
    new_table($node, $table, $dims, 2000, am => $am, with => 'nlist = 12');
    $node->safe_psql('postgres',
        "CREATE INDEX ON $table USING $am (v vector_cosine_ops) WITH (nlist = 6, refine = true, " . variant($am, 1) . ')');
    my @files = scripts($am, $table);
    bench($table, \@files, 'vacuum', sub {
        for (1 .. 12)
        {
            $node->safe_psql('postgres', "VACUUM $table");
            select(undef, undef, undef, 0.3);
        }
    });
    bench($table, \@files, 'concurrent builds', sub {
        $node->safe_psql('postgres', $_) for "CREATE INDEX CONCURRENTLY ON $table USING $am (v) WITH (nlist = 5)",
          "REINDEX INDEX CONCURRENTLY ${table}_v", "VACUUM $table", "DROP INDEX CONCURRENTLY ${table}_v",
          "REINDEX TABLE CONCURRENTLY $table";
    });
    is($node->safe_psql('postgres', "SELECT count(*) FROM pg_index WHERE indrelid = '$table'::regclass AND NOT indisvalid"),
        '0', "$table: every index is valid");
    $node->safe_psql('postgres', "DROP TABLE $table");
}

unlike(slurp_file($node->logfile), qr/ERROR:|FATAL:  (?!terminating|the database)/, 'no errors in the log');
ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
