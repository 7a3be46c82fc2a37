# An unlogged table is empty after a crash and its index untrained: a normal state that takes rows and answers.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 24;
my $node  = new_node('unlogged');
my $query = query_vector($node, $dims, 1);
my @tables = map { "items_$_" } access_methods();

sub same_as_exact
{
    my ($step) = @_;
    for my $table (@tables)
    {
        is(nearest($node, $table, $query, '<->', 20, 1), nearest($node, $table, $query, '<->', 20, 0),
            "$step, $table: as an exact scan");
        is_complete($node, $table, $query, "$step, $table");
    }
}

$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE untouched (v vector(3))');
for my $am (access_methods())
{
    new_table($node, "items_$am", $dims, 2000, am => $am, with => 'refine = true', kind => 'UNLOGGED');
    $node->safe_psql('postgres', "CREATE INDEX ON untouched USING $am (v)");
    $node->safe_psql('postgres', "ALTER DATABASE postgres SET $am.nprobe = 65536; ALTER DATABASE postgres SET $am.epsilon = 4");
}
same_as_exact('built');

$node->stop;
$node->start;
same_as_exact('clean restart keeps the rows');

$node->stop('immediate');
$node->start;
for my $table (@tables)
{
    is($node->safe_psql('postgres', "SELECT count(*) FROM $table"), '0', "a crash empties the table, $table");
    is(nearest($node, $table, $query, '<->', 5, 1), '', "a query on the reset index finds nothing, $table");
}

fill($node, $_, $dims, 1, 50) for @tables;
same_as_exact('few rows after the reset');
fill($node, $_, $dims, 51, 3000) for @tables;
same_as_exact('many rows after the reset');
$node->safe_psql('postgres', "DELETE FROM $_ WHERE id % 2 = 0; VACUUM $_") for @tables;
same_as_exact('vacuum after the reset');

for my $table (@tables)
{
    my $before = $node->safe_psql('postgres', "SELECT pg_relation_filenode('${table}_v')");
    $node->safe_psql('postgres', "REINDEX INDEX ${table}_v");
    isnt($node->safe_psql('postgres', "SELECT pg_relation_filenode('${table}_v')"), $before, "REINDEX makes a new file, $table");
}
same_as_exact('trained by REINDEX');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET ALL');
for my $am (access_methods())
{
    my $lists = $node->safe_psql('postgres',
        "SET enable_seqscan = off; SET $am.nprobe = 65536;
         SELECT count(*) FROM (SELECT id FROM items_$am ORDER BY v <-> $query LIMIT 5) n;
         SELECT lists > 1 FROM vector_quant_last_scan()");
    is($lists, "5\nt", "the trained index has several lists, $am");
}

$node->safe_psql('postgres', "ALTER TABLE $_ SET LOGGED") for @tables;
same_as_exact('made a logged table');
$node->stop('immediate');
$node->start;
same_as_exact('crash of the logged table');

for my $table (@tables)
{
    $node->safe_psql('postgres', "TRUNCATE $table");
    is(nearest($node, $table, $query, '<->', 5, 1), '', "a query after TRUNCATE finds nothing, $table");
    fill($node, $table, $dims, 1, 100);
    is_complete($node, $table, $query, "rows after TRUNCATE, $table");
}

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
