# Fine records that are longer than a page (2,100 dimensions as FP32) are freed like others: rows come and go, from several
# sessions beside VACUUM too, and the index stays within twice its first size.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 2100;
my $rows  = 80;
my $node  = new_node('long');
my $query = query_vector($node, $dims, 1);

sub size { return $node->safe_psql('postgres', "SELECT pg_relation_size('$_[0]_v') / 8192"); }

sub rounds
{
    my ($table) = @_;
    my $first = size($table);
    my @sizes;
    for my $which ('true', 'true', 'id % 2 = 0', 'id % 3 = 0', 'id % 3 = 1', 'true')
    {
        $node->safe_psql('postgres', "DELETE FROM $table WHERE $which");
        $node->safe_psql('postgres', "VACUUM $table");
        is_complete($node, $table, $query, "$table, deleted where $which");
        $node->safe_psql('postgres', "INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(1, $rows) id WHERE $which");
        push @sizes, size($table);
    }
    is_complete($node, $table, $query, "$table, all rounds");
    note("$table: $first pages at first, then @sizes");
    is(scalar(grep { $_ > 2 * $first } @sizes), 0, "$table: stays within twice its first size");
    return;
}

# Inserters hold their records while their rows are on the way; VACUUM must see both or neither.
sub beside_vacuum
{
    my ($table) = @_;
    my $temp = PostgreSQL::Test::Utils::tempdir();
    append_to_file("$temp/insert.sql", "INSERT INTO $table SELECT n, (SELECT v FROM given WHERE id = 1 + n % 20) FROM (SELECT nextval('s') n) g;\n");
    append_to_file("$temp/delete.sql", "\\set r random(0, 2)\nDELETE FROM $table WHERE id % 3 = :r AND id > $rows;\n");
    my ($out, $err) = ('', '');
    my @command = ('pgbench', '-n', '-c', 4, '-j', 2, '-T', 4, '-f', "$temp/insert.sql\@20", '-f', "$temp/delete.sql\@1",
        $node->connstr('postgres'));
    my $bench = IPC::Run::start(\@command, '>', \$out, '2>', \$err);
    $node->safe_psql('postgres', "VACUUM $table; SELECT pg_sleep(0.1)") for 1 .. 12;
    $bench->finish;
    unlike($err, qr/ERROR|aborted|PANIC|closed the connection/, "$table: no session saw an error");
    is_complete($node, $table, $query, "$table, beside VACUUM");
    return;
}

$node->safe_psql('postgres', "CREATE SEQUENCE s START 1000; CREATE TABLE given AS SELECT id, vq_row(id, $dims) AS v FROM generate_series(1, 20) id");
my @tables = map { "long_$_" } access_methods();
for my $am (access_methods())
{
    new_table($node, "long_$am", $dims, $rows, am => $am, with => "nlist = 3, refine = true, refine_type = 'FP32'");
    rounds("long_$am");
    beside_vacuum("long_$am");
}

$node->stop('immediate');
$node->start;
is_complete($node, $_, $query, "$_, after a crash") for @tables;

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
