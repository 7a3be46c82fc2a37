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

sub same_as_exact
{
    my ($step) = @_;
    is(nearest($node, 'items', $query, '<->', 20, 1), nearest($node, 'items', $query, '<->', 20, 0), "$step: as an exact scan");
    is_complete($node, 'items', $query, $step);
}

new_table($node, 'items', $dims, 2000, with => 'refine = true', kind => 'UNLOGGED');
$node->safe_psql('postgres', 'CREATE UNLOGGED TABLE untouched (v vector(3)); CREATE INDEX ON untouched USING ivf_rabitq (v)');
$node->safe_psql('postgres', 'ALTER DATABASE postgres SET ivf_rabitq.nprobe = 65536; ALTER DATABASE postgres SET ivf_rabitq.epsilon = 4');
same_as_exact('built');

$node->stop;
$node->start;
same_as_exact('clean restart keeps the rows');

$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', 'SELECT count(*) FROM items'), '0', 'a crash empties the table');
is(nearest($node, 'items', $query, '<->', 5, 1), '', 'a query on the reset index finds nothing');

fill($node, 'items', $dims, 1, 50);
same_as_exact('few rows after the reset');
fill($node, 'items', $dims, 51, 3000);
same_as_exact('many rows after the reset');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 2 = 0; VACUUM items');
same_as_exact('vacuum after the reset');

my $before = $node->safe_psql('postgres', "SELECT pg_relation_filenode('items_v')");
$node->safe_psql('postgres', 'REINDEX INDEX items_v');
isnt($node->safe_psql('postgres', "SELECT pg_relation_filenode('items_v')"), $before, 'REINDEX makes a new file');
same_as_exact('trained by REINDEX');
$node->safe_psql('postgres', 'RESET ALL; ALTER DATABASE postgres RESET ALL');
my $lists = $node->safe_psql('postgres',
    "SET enable_seqscan = off; SET ivf_rabitq.nprobe = 65536;
     SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> $query LIMIT 5) n;
     SELECT lists > 1 FROM vector_quant_last_scan()");
is($lists, "5\nt", 'the trained index has several lists');

$node->safe_psql('postgres', 'ALTER TABLE items SET LOGGED');
same_as_exact('made a logged table');
$node->stop('immediate');
$node->start;
same_as_exact('crash of the logged table');

$node->safe_psql('postgres', 'TRUNCATE items');
is(nearest($node, 'items', $query, '<->', 5, 1), '', 'a query after TRUNCATE finds nothing');
fill($node, 'items', $dims, 1, 100);
is_complete($node, 'items', $query, 'rows after TRUNCATE');

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
