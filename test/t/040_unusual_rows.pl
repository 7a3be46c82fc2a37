# Rows that are unlike those which defaults are made for: recall is what was asked for, and every row finds itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $node = new_node('unusual', 'shared_buffers = 128MB', 'maintenance_work_mem = 64MB');
my $k    = 10;

# Table ${table}_truth: the queries of table ${table}_query with their nearest rows by an exact scan.
sub truth
{
    my ($table, $op) = @_;
    $node->safe_psql(
        'postgres', qq{
        SET enable_indexscan = off;
        DROP TABLE IF EXISTS ${table}_truth;
        CREATE TABLE ${table}_truth AS
            SELECT q.v, ARRAY(SELECT id FROM $table t ORDER BY t.v $op q.v LIMIT $k) AS ids FROM ${table}_query q});
    return;
}

# Recall for a target, and without one, with an index of every access method.
sub check_recall
{
    my ($table, $op, $ops, $name) = @_;
    truth($table, $op);
    for my $am (access_methods())
    {
        $node->safe_psql('postgres', "CREATE INDEX ${table}_v ON $table USING $am (v $ops)");
        my $target  = recall($node, $table, $op, $k, 'SET vector_quant.target_recall = 0.95;');
        my $default = recall($node, $table, $op, $k);
        note("$am $name: recall $target of target 0.95, $default by default");
        cmp_ok($target,  '>=', 0.94, "$am $name: recall of target 0.95");
        cmp_ok($default, '>=', 0.97, "$am $name: recall by default");
        my $lost = $node->safe_psql(
            'postgres', qq{
            SET enable_seqscan = off; SET enable_sort = off;
            SELECT count(*) FROM ((SELECT * FROM $table ORDER BY hashint8(id) LIMIT 200)
                UNION ALL (SELECT * FROM $table ORDER BY vector_norm(v) DESC LIMIT 10)) r
            WHERE (SELECT t.v $op r.v FROM $table t ORDER BY t.v $op r.v LIMIT 1) > (r.v $op r.v) + 1e-6});
        is($lost, 0, "$am $name: rows find themselves, or nearer ones");
        $node->safe_psql('postgres', "DROP INDEX ${table}_v");
    }
    return;
}

# Inner product with lengths that drift: each row is the one before it and a step. The longest rows are the nearest of nearly all
# queries, and centroids differ in length more than in direction: shortlists of lists by their codes alone lost the best ones.
$node->safe_psql(
    'postgres', q{
    CREATE TABLE walk AS SELECT id, (array_agg(x ORDER BY d))::vector(64) AS v FROM (SELECT id, d,
        (sum(vq_uniform(id, 7 + d)) OVER (PARTITION BY d ORDER BY id))::real AS x
        FROM generate_series(1, 8000) id, generate_series(1, 64) d) s GROUP BY id;
    ALTER TABLE walk ALTER v TYPE vector(64);
    CREATE TABLE walk_query AS SELECT v FROM walk ORDER BY hashint8(id) LIMIT 200;
    ANALYZE walk});
check_recall('walk', '<#>', 'vector_ip_ops', 'drifting lengths');

# Two dimensions under cosine: neighbouring lists differ by less than their centroids' rounding.
new_table($node, 'circle', 2, 20000);
$node->safe_psql('postgres', 'CREATE TABLE circle_query AS SELECT vq_row(1000000 + n, 2) AS v FROM generate_series(1, 200) n');
check_recall('circle', '<=>', 'vector_cosine_ops', 'two dimensions');

$node->safe_psql(
    'postgres', q{
    CREATE FUNCTION stretched(v vector, by float8) RETURNS vector LANGUAGE sql IMMUTABLE AS
        'SELECT (array_agg(e * by ORDER BY o))::real[]::vector FROM unnest(v::real[]) WITH ORDINALITY u (e, o)'});

# A few rows far from all others: they must not decide means, axes, ranges and scales for everybody.
new_table($node, 'unit', 32, 20000);
$node->safe_psql(
    'postgres', q{
    UPDATE unit SET v = l2_normalize(v);
    CREATE TABLE unit_query AS SELECT l2_normalize(vq_row(1000000 + n, 32)) AS v FROM generate_series(1, 200) n});
my %times = ('one row 10^5 times as long' => [ 1, 1e5 ], 'five rows 10^6 times as long' => [ 5, 1e6 ]);
for my $name (sort keys %times)
{
    my ($rows, $times) = @{ $times{$name} };
    $node->safe_psql('postgres', "UPDATE unit SET v = stretched(l2_normalize(vq_row(id * 7, 32)), $times)
        WHERE id % 4000 = 1 AND id <= $rows * 4000");
    check_recall('unit', '<->', 'vector_l2_ops', "L2, $name");
    check_recall('unit', '<#>', 'vector_ip_ops', "inner product, $name");
}
# Lengths that are spread widely: a few rows are the nearest of nearly all queries.
new_table($node, 'spread', 32, 20000);
$node->safe_psql(
    'postgres', q{
    UPDATE spread SET v = stretched(v, exp(6 * vq_uniform(id, 3)));
    CREATE TABLE spread_query AS SELECT vq_row(1000000 + n, 32) AS v FROM generate_series(1, 200) n});
check_recall('spread', '<#>', 'vector_ip_ops', 'lengths of all sizes');
check_recall('spread', '<->', 'vector_l2_ops', 'lengths of all sizes');

# Three rows in a thousand, a hundred times as long: by the inner product they are all that queries want.
$node->safe_psql('postgres', 'UPDATE spread SET v = stretched(vq_row(id, 32), CASE WHEN id % 333 = 0 THEN 100 ELSE 1 END)');
check_recall('spread', '<#>', 'vector_ip_ops', 'long ones');

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
