# Pages that are known to be read next are read together, from PostgreSQL 17 on; 18 counts how often it reads. Of vectors in TOAST the kernel is told
# ahead; answers do not depend on it.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__) . '/lib';
use VectorQuant;
use PostgreSQL::Test::Utils;
use Test::More;

# With the tests' shared_buffers of 1 MB a session may pin but a few pages.
my $node = new_node('read_ahead', 'max_parallel_workers_per_gather = 0', 'shared_buffers = 32MB');
my $counts = $node->safe_psql('postgres', 'SHOW server_version_num') >= 180000;

for my $am (access_methods())
{
    my $table = "t_$am";
    new_table($node, $table, 16, 10000, am => $am, with => 'refine = true');
    my $pages = $node->safe_psql('postgres', "SELECT pg_relation_size('${table}_v') / 8192");
    cmp_ok($pages, '>', 50, "$am: some $pages pages");

    $node->restart;    # nothing is in shared buffers
    my $check = "SELECT vector_quant_index_check('${table}_v')";
    is($node->safe_psql('postgres', $check), '', "$am: the index is sound");
    next unless $counts;

    my $one_by_one;
    for my $pieces (1, 16)
    {
        $node->restart;
        my ($reads, $blocks) = split /\|/, (split /\n/, $node->safe_psql('postgres', "SET io_combine_limit = $pieces;
            SELECT pg_stat_reset_shared('io'); $check; SELECT pg_stat_force_next_flush();
            SELECT sum(reads), sum(read_bytes) / 8192 FROM pg_stat_io
            WHERE object = 'relation' AND backend_type = 'client backend'"))[-1];
        cmp_ok($blocks, ">=", $pages, "$am: every page is read");
        if ($pieces == 1)
        {
            $one_by_one = $reads; # catalogs among them, which are
            cmp_ok($reads, '==', $blocks, "$am: $blocks pages one by one");
            next;
        }
        cmp_ok($reads, '<', $one_by_one - $pages / 2, "$am: $pages pages in $reads pieces instead of $one_by_one");
    }
}

# Of 600 dimensions, in two chunks each; a row without a vector among them, one whose vector was compressed, rows that are gone.
$node->safe_psql('postgres', q{CREATE TABLE far_away (id int, v vector(600)) WITH (autovacuum_enabled = off);
    INSERT INTO far_away SELECT i, (SELECT array_agg(vq_uniform(d, i)::real) FROM generate_series(1, 600) d)::vector FROM generate_series(1, 1500) i;
    ALTER TABLE far_away ALTER v SET STORAGE EXTENDED;
    INSERT INTO far_away VALUES (1501, NULL), (1502, array_fill(0.5::real, ARRAY[600])::vector);
    DELETE FROM far_away WHERE id % 9 = 0});
my $search = q{SELECT string_agg(ids, ' ') FROM (SELECT q.id, (SELECT string_agg(id::text, ',') FROM (SELECT id FROM far_away f ORDER BY f.v <-> q.v LIMIT 20) s) AS ids
    FROM far_away q WHERE q.id % 50 = 2 ORDER BY q.id) a};
my $exact = $node->safe_psql('postgres', "SET enable_indexscan = off; $search");
for my $am (access_methods())
{
    $node->safe_psql('postgres', "DROP INDEX IF EXISTS far_away_v; CREATE INDEX far_away_v ON far_away USING $am (v) WITH (nlist = 10)");
    for my $concurrency (0, 1, 200)
    {
        $node->restart;
        my $set = "SET enable_seqscan = off; SET vector_quant.target_recall = 1; SET $am.epsilon = 4; SET effective_io_concurrency = $concurrency";
        is($node->safe_psql('postgres', "$set; $search; $search"), "$exact\n$exact", "$am: vectors in TOAST, $concurrency pages ahead, cold and warm");
    }
}

$node->stop;
done_testing();
