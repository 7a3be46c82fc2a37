# postgres_fdw sends ORDER BY distance and LIMIT to the server that has the index, with and without remote estimates: the COST of the
# distance functions is not so high that the local planner keeps the LIMIT to itself and all rows are sent.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $node = new_node('remote_limit');
plan skip_all => 'no postgres_fdw'
    if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") == 0;

my ($dims, $rows) = (32, 3000);
new_table($node, 'near', $dims, $rows, am => 'ivf_rabitq');
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('postgres', <<"SQL");
ALTER TABLE near ADD h halfvec($dims), ADD k int;
UPDATE near SET h = v::halfvec, k = id % 10;
VACUUM ANALYZE near;
CREATE EXTENSION postgres_fdw;
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw
    OPTIONS (host '$host', port '$port', dbname 'postgres', extensions 'vector_quant');
CREATE USER MAPPING FOR CURRENT_USER SERVER loopback;
CREATE FOREIGN TABLE unknown (id bigint, v vector($dims), h halfvec($dims), k int) SERVER loopback OPTIONS (table_name 'near');
CREATE FOREIGN TABLE analyzed (id bigint, v vector($dims), h halfvec($dims), k int) SERVER loopback OPTIONS (table_name 'near');
CREATE FOREIGN TABLE estimated (id bigint, v vector($dims), h halfvec($dims), k int) SERVER loopback
    OPTIONS (table_name 'near', use_remote_estimate 'true');
ANALYZE analyzed;
SQL

my $query = query_vector($node, $dims, 1);

sub remote_sql
{
    my ($sql) = @_;
    my $plan = $node->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) $sql");
    return join("\n", $plan =~ /Remote SQL: (.*)/g);
}

for my $table (qw(unknown analyzed estimated))
{
    for my $op ('<->', '<#>', '<=>', '<+>')
    {
        for my $column (qw(v h))
        {
            my $sent = remote_sql("SELECT id FROM $table ORDER BY $column $op $query LIMIT 10");
            like($sent, qr/ORDER BY \($column OPERATOR\(\S+\) .*\) ASC NULLS LAST LIMIT 10/, "$table: $column $op with its LIMIT");
        }
    }
    for my $limit (1, 100)
    {
        like(remote_sql("SELECT id, v <-> $query FROM $table ORDER BY v <-> $query LIMIT $limit"), qr/ORDER BY .* LIMIT $limit/,
            "$table: LIMIT $limit");
    }
    next if $table eq 'unknown'; # whose few rows are taken to be fewer than ten with a filter
    like(remote_sql("SELECT id FROM $table WHERE k = 3 ORDER BY v <-> $query LIMIT 10"), qr/WHERE .*k = 3.* ORDER BY .* LIMIT 10/,
        "$table: a filter goes with it");
    is($node->safe_psql('postgres', "SELECT array_agg(id) FROM (SELECT id FROM $table ORDER BY v <-> $query LIMIT 10) s"),
        $node->safe_psql('postgres', "SELECT array_agg(id) FROM (SELECT id FROM near ORDER BY v <-> $query LIMIT 10) s"),
        "$table: the same rows");
}

# Here the planner takes the index for a few rows, and workers for a distance of every row where these are many.
my $plan = $node->safe_psql('postgres', "EXPLAIN (COSTS OFF) SELECT id FROM near ORDER BY v <-> $query LIMIT 10");
like($plan, qr/Index Scan using near_v/, 'the index for ten rows');
$plan = $node->safe_psql('postgres', "EXPLAIN (COSTS OFF) SELECT id FROM near ORDER BY v <-> $query");
unlike($plan, qr/Index Scan/, 'not for all');
$node->safe_psql('postgres', q{ALTER TABLE near SET (parallel_workers = 4)});
$plan = $node->safe_psql('postgres', "SET parallel_setup_cost = 10; EXPLAIN (COSTS OFF) SELECT count(*) FROM near WHERE v <-> $query < 1");
like($plan, qr/Parallel Seq Scan/, 'workers for a distance of every row');

# A partitioned table whose partitions are foreign: each server is asked for the order, and reads its index as far as the rows are taken. With
# remote estimates on, that hangs on what all rows in order cost there.
for my $d (384, 1536)
{
    # OFFSET 0: or each copy would be made anew.
    my $copies = join(' || ', ('v') x ($d / 24));
    for my $part (1, 2)
    {
        $node->safe_psql('postgres', qq{
            CREATE TABLE part_${d}_$part AS SELECT id, ($copies)::vector($d) AS v FROM (SELECT $part * 10000 + i AS id, vq_row($part * 10000 + i, 24) AS v FROM generate_series(1, 6000) i OFFSET 0) s;
            CREATE INDEX part_${d}_${part}_v ON part_${d}_$part USING ivf_rabitq (v);
            VACUUM ANALYZE part_${d}_$part});
    }
    my $near = $node->safe_psql('postgres', "SELECT quote_literal(v) FROM part_${d}_2 LIMIT 1");
    my $exact = $node->safe_psql('postgres', "SET enable_indexscan = off; SELECT array_agg(id) FROM (SELECT id FROM (TABLE part_${d}_1 UNION ALL TABLE part_${d}_2) a ORDER BY v <-> $near LIMIT 10) s");
    for my $estimates ('true', 'false')
    {
        my $parent = "parent_${d}_$estimates";
        $node->safe_psql('postgres', "CREATE TABLE $parent (id int, v vector($d)) PARTITION BY RANGE (id); " . join('', map { qq{
            CREATE FOREIGN TABLE ${parent}_$_ PARTITION OF $parent FOR VALUES FROM (${_}0000) TO (${_}9999) SERVER loopback
                OPTIONS (table_name 'part_${d}_$_', use_remote_estimate '$estimates');} } 1, 2) . "ANALYZE $parent");
        my $all = "SELECT id FROM $parent ORDER BY v <-> $near LIMIT 10";
        my $name = "$d dimensions, use_remote_estimate $estimates";
        my @sent = split /\n/, remote_sql($all);
        is(scalar(grep { /ORDER BY \(v OPERATOR\(\S+\) / } @sent), 2, "$name: both servers are asked for the order");
        my $scans = q{SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname ~ '^part_} . $d . q{.*v$'};
        my $before = $node->safe_psql('postgres', $scans);
        is($node->safe_psql('postgres', "SELECT array_agg(id) FROM ($all) s"), $exact, "$name: the same rows");
        ok($node->poll_query_until('postgres', "SELECT ($scans) = $before + 2"), "$name: both read their index");
    }
}

done_testing();
