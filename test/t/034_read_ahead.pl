# Pages that are known to be read next are read together, from PostgreSQL 17 on; 18 counts how often it reads.
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

$node->stop;
done_testing();
