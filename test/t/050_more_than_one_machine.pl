# docs/more_than_one_machine.md, as far as PostgreSQL alone can do it: the page's SQL on servers behind postgres_fdw, on a replica, on a
# publisher and on a subscriber with pgvector's types. Which settings travel, row by row of its table.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Installation;
use Pages;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $root = "$FindBin::Bin/../..";
my %installation = copy_installation();
provide_pgvector(%installation);
my $front = new_node('front', 'wal_level = logical');
my $shards = start_node(PostgreSQL::Test::Cluster->new('shards', install_path => $installation{install_path}));
plan skip_all => 'no postgres_fdw'
    if $front->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") == 0;
$front->safe_psql('postgres', 'CREATE DATABASE app');
$shards->safe_psql('postgres', "CREATE DATABASE $_") for qw(shard0 shard1 pgvector);

# The page's SQL for a server, with its addresses filled in; one block of it, or all.
sub page_sql
{
    my ($server, @numbers) = @_;
    my @blocks = map { filled($_->{text}) } grep { ($_->{server} // '') eq $server && $_->{language} eq 'sql' } blocks("$root/docs/more_than_one_machine.md");
    my ($shards_at, $publisher) = ("host '" . $shards->host . "', port '" . $shards->port . "'", $front->connstr('app') =~ s/'/''/gr);
    s/host '(shard\d)\.example', dbname 'shard'/$shards_at, dbname '$1'/g, s/host=publisher\.example dbname=app/$publisher/ for @blocks;
    s/async_capable 'true', //g for $front->pg_version >= 14 ? () : @blocks;
    return join("\n", @numbers ? @blocks[@numbers] : @blocks);
}

my $query = filled("'[...]'");
my $nearest = "ORDER BY embedding <=> $query LIMIT 10";
sub ids { my ($from) = @_; return "SELECT string_agg(id::text, ',') FROM (SELECT id FROM $from) s"; }

# --- servers behind postgres_fdw

$shards->safe_psql($_, 'SET client_min_messages = warning; ' . page_sql('shard')) for qw(shard0 shard1);
my ($out, $err) = ('', '');
is($front->psql('app', page_sql('front', 0), stdout => \$out, stderr => \$err), 0, 'postgres_fdw: the page sets it up') or diag($err);
unlike($err, qr/ERROR|WARNING/, 'without a complaint');
$shards->safe_psql($_, 'VACUUM ANALYZE items') for qw(shard0 shard1); # which autovacuum would do
is($front->psql('app', page_sql('front', 1 .. 3), stdout => \$out, stderr => \$err, on_error_stop => 1), 0, 'postgres_fdw: its queries run') or diag($err);
unlike($err, qr/ERROR|WARNING/, 'without a complaint');
is(() = $out =~ /^shard\d\|(?:public\.)?items_embedding\|\d+\|t\|/gm, 2, 'trained indexes of both servers are listed');

# What an exact scan of all rows gives. A target of less than all may miss one of them: which one depends on the order in which servers sent the rows.
$shards->safe_psql($_, 'ALTER INDEX items_embedding SET (target_recall = 1, epsilon = 4)') for qw(shard0 shard1);
my $exact = $front->safe_psql('app', "CREATE TABLE all_items AS SELECT * FROM items; " . ids("all_items $nearest"));
my $filter = "WHERE category = 'math.NT'";
is($front->safe_psql('app', ids("items $nearest")), $exact, 'through the parent: the nearest rows');
is($front->safe_psql('app', ids("items $filter $nearest")), $front->safe_psql('app', ids("all_items $filter $nearest")), 'with a filter');
is($front->safe_psql('app', ids("nearest($query, 10)")), $exact, 'by the function: the same');
my $plan = $front->safe_psql('app', "EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM nearest($query, 10)");
is(() = $plan =~ /Remote SQL: .* ORDER BY .* LIMIT 10/g, 2, 'by the function: each server gets order and limit');
is(() = $plan =~ /Async Foreign Scan/g, 2, 'all servers at the same time') if $front->pg_version >= 14;
$plan = $front->safe_psql('app', "EXPLAIN (VERBOSE, COSTS OFF) SELECT id FROM items $filter $nearest");
is(() = $plan =~ /Remote SQL: .* WHERE .*category.* ORDER BY /g, 2, 'through the parent: filter and order');

# --- which settings travel

my $show = q{coalesce(nullif(current_setting('vector_quant.target_recall', true), '0'), '')};
$shards->safe_psql('shard0', qq{CREATE VIEW target AS SELECT $show AS target});
$front->safe_psql('app', q{ALTER SERVER shard0 OPTIONS (DROP options); CREATE FOREIGN TABLE target (target text) SERVER shard0});
sub there { my ($before) = @_; return $front->safe_psql('app', $before . '; SELECT * FROM target'); }
sub here  { my ($node, $before) = @_; return $node->safe_psql('app', "$before; SELECT $show"); }

$front->backup('base');
my $replica = PostgreSQL::Test::Cluster->new('replica');
$replica->init_from_backup($front, 'base', has_streaming => 1);
$replica->start;
sub on_replica { $front->wait_for_catchup($replica); return here($replica, 'SELECT'); }

my $local = 'BEGIN; SET LOCAL vector_quant.target_recall = 0.91';
for my $case ([ 'SET', 'SET vector_quant.target_recall = 0.91' ], [ 'SET LOCAL', $local ])
{
    my ($name, $statement) = @$case;
    is(here($front, $statement), '0.91', "$name: here");
    is(there($statement), '', "$name: not behind postgres_fdw");
}
is(here($front, "$local; COMMIT"), '', 'SET LOCAL: not after the transaction');
for my $whose ('ROLE CURRENT_USER', 'DATABASE app')
{
    $front->safe_psql('app', "SELECT vector_quant_simd(); ALTER $whose SET vector_quant.target_recall = 0.92");
    is(here($front, 'SELECT'), '0.92', "ALTER $whose: here");
    is(on_replica(), '0.92', "ALTER $whose: on a replica");
    is(there('SELECT'), '', "ALTER $whose: not behind postgres_fdw");
    $front->safe_psql('app', "ALTER $whose RESET ALL");
    my $theirs = $whose =~ s/app/shard0/r;
    $shards->safe_psql('shard0', "SELECT vector_quant_simd(); ALTER $theirs SET vector_quant.target_recall = 0.93");
    is(there('SELECT'), '0.93', "ALTER $whose on the server of the rows");
    $shards->safe_psql('shard0', "ALTER $theirs RESET ALL");
}
$front->safe_psql('app', q{ALTER SERVER shard0 OPTIONS (ADD options '-c vector_quant.target_recall=0.94')});
is(there('SELECT'), '0.94', 'options of the foreign server');
is(here($front, 'SELECT'), '', 'options of the foreign server: not here');
$front->safe_psql('app', 'ALTER SERVER shard0 OPTIONS (DROP options)');

# What a search there looks at tells the target of its index: of rows everywhere alike, more than the page's.
$shards->safe_psql('postgres', 'CREATE TABLE near AS SELECT id, (SELECT array_agg(vq_uniform(d, id)::real) FROM generate_series(1, 12) d)::vector(12) AS v FROM generate_series(1, 6000) id;
    CREATE INDEX near_v ON near USING scann (v); ANALYZE near');
$shards->safe_psql('postgres', 'CREATE VIEW last_scan AS SELECT codes FROM vector_quant_last_scan()');
my $near_at = "host '" . $shards->host . "', port '" . $shards->port . "', dbname 'postgres'";
$front->safe_psql('app', "CREATE SERVER near FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($near_at, extensions 'vector_quant'); CREATE USER MAPPING FOR CURRENT_USER SERVER near;
    CREATE FOREIGN TABLE near (id bigint, v vector(12)) SERVER near; CREATE FOREIGN TABLE last_scan (codes bigint) SERVER near");
my %codes;
for my $target (0.8, 1)
{
    $shards->safe_psql('postgres', "ALTER INDEX near_v SET (target_recall = $target)");
    ($codes{$target}) = $front->safe_psql('app', "BEGIN; SELECT id FROM near ORDER BY v <-> '[0,0,0,0,0,0,0,0,0,0,0,0]' LIMIT 10; SELECT codes FROM last_scan") =~ /(\d+)$/;
}
cmp_ok($codes{0.8}, '<', $codes{1}, 'the option of an index acts behind postgres_fdw');

# --- a replica

$front->safe_psql('app', "CREATE INDEX all_items_embedding ON all_items USING scann (embedding vector_cosine_ops) WITH (target_recall = 1, epsilon = 4)");
$front->wait_for_catchup($replica);
like($replica->safe_psql('app', page_sql('replica')), qr/^all_items_embedding\|[1-9]/m, 'a replica: indexes are read into memory');
is($replica->safe_psql('app', "SET enable_seqscan = off; " . ids("all_items $nearest")), $exact, 'a replica: the nearest rows, by its index');
is($replica->safe_psql('app', q{SELECT s.rows || ' ' || (r.recall > 0.9) FROM vector_quant_index_stats('all_items_embedding') s, vector_quant_recall('all_items_embedding', queries => 20) r,
    vector_quant_index_check('all_items_embedding', true)}), '3000 true', 'a replica: statistics, recall, check');
for my $function (q{vector_quant_maintain('all_items_embedding')}, qq{vector_quant_calibrate('all_items_embedding', queries => array_fill($query\::vector, ARRAY[50]))})
{
    isnt($replica->psql('app', "SELECT $function", stderr => \$err), 0, "a replica: not $function" =~ s/\(.*//sr);
    like($err, qr/recovery|read-only/, 'and it says why');
}

# --- logical replication, from our types to pgvector's

$front->safe_psql('app', 'DROP TABLE items CASCADE; ALTER TABLE all_items RENAME TO items; ALTER TABLE items ADD PRIMARY KEY (id); ' . page_sql('publisher'));
is($shards->psql('pgvector', page_sql('subscriber', 0), stderr => \$err), 0, 'a subscriber: the page sets it up') or diag($err);
$shards->poll_query_until('pgvector', q{SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel}) or die 'not copied';
$shards->safe_psql('pgvector', page_sql('subscriber', 1) . '; ANALYZE items');
$front->safe_psql('app', q{DELETE FROM items WHERE id % 7 = 0; UPDATE items SET embedding = embedding + embedding, category = 'changed' WHERE id % 5 = 0});
$front->wait_for_catchup('items');
my $all = q{SELECT md5(string_agg(id || category || embedding::text, ',' ORDER BY id)) FROM items};
is($shards->safe_psql('pgvector', $all), $front->safe_psql('app', $all), "the same rows with pgvector's types");
is($shards->safe_psql('pgvector', q{SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.classid = 'pg_type'::regclass AND d.objid = 'vector'::regtype AND d.deptype = 'e'}), 'vector', 'which they are');
is($shards->safe_psql('pgvector', "SET enable_seqscan = off; SET vector_quant.target_recall = 1; SET scann.epsilon = 4; " . ids("items $nearest")), $front->safe_psql('app', "SET enable_indexscan = off; " . ids("items $nearest")), 'and the nearest rows');
check_in($shards, 'pgvector');
is($shards->psql('pgvector', page_sql('subscriber', 2), stderr => \$err), 0, 'the subscription ends') or diag($err);

sub check_in
{
    my ($node, $database) = @_;
    is($node->safe_psql($database, 'SELECT count(vector_quant_index_check(index, true)::text) FROM vector_quant_indexes()'), 1, "$database: the index is sound");
    return;
}

ok(!crashed($_), 'no server process died') for ($front, $shards, $replica);
done_testing();
