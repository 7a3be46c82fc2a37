# Recall against an exact scan: 3 metrics x refine off, SQ8, FP32 with default settings. Generated clustered rows, and
# real ones (without FP32, whose builds take longest) where VQ_DATA names a folder that has them.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $node = new_node('recall', 'shared_buffers = 256MB', 'maintenance_work_mem = 256MB');
my %metric = ('<->' => 'vector_l2_ops', '<#>' => 'vector_ip_ops', '<=>' => 'vector_cosine_ops');
my %kind = (
    'refine off' => '',
    'SQ8'        => "WITH (refine = true, refine_type = 'SQ8')",
    'FP32'       => "WITH (refine = true, refine_type = 'FP32')");

sub recall_at_least
{
    my ($table, $op, $least, $name, $settings) = @_;
    my $recall = recall($node, $table, $op, 10, $settings);
    note("$name: recall\@10 $recall, at least $least");
    return cmp_ok($recall, '>=', $least, "$name: recall\@10 of $least or better") || diag("recall\@10 $recall");
}

sub check_table
{
    my ($table, $op, $least, @kinds) = @_;
    for my $am (access_methods())
    {
        for my $kind (@kinds)
        {
            $node->safe_psql('postgres', "CREATE INDEX ${table}_v ON $table USING $am (v $metric{$op}) $kind{$kind}");
            check_indexes($node, $table);
            my $name = "$am $table $op $kind";
            uses_index($node, "SELECT id FROM $table ORDER BY v $op (SELECT v FROM ${table}_truth LIMIT 1) LIMIT 10",
                "${table}_v", "$name: plan");
            recall_at_least($table, $op, $least, "$name, defaults");
            recall_at_least($table, $op, 0.999, "$name, all lists, wide bound",
                "SET $am.nprobe = 65536; SET $am.epsilon = 4;");
            $node->safe_psql('postgres', "DROP INDEX ${table}_v");
        }
    }
}

new_table($node, 'generated', 64, 10000);
for my $op (sort keys %metric)
{
    make_truth($node, 'generated', 64, $op, 10, 60);
    check_table('generated', $op, 0.95, sort keys %kind);
}

sub real_set
{
    my ($table, @source) = @_;
    load_real_set($node, $table, @source, 200);
    for my $op (sort keys %metric)
    {
        real_truth($node, $table, $op, 10);
        check_table($table, $op, 0.95, 'refine off', 'SQ8');
    }
    return;
}

SKIP:
{
    skip('VQ_DATA names no folder with real vectors', 2) unless -d ($ENV{VQ_DATA} || '/nonexistent');
    real_set('fashion', 'fashion-mnist-784', 'base_u8.npy', 'query_u8.npy', 8000);
    real_set('arxiv', 'arxiv-minilm-384', 'base_f16.npy', 'query_f16.npy', 12000);
}

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
