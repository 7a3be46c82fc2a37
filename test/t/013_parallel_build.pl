# An index built by parallel workers is the index that one process builds, page for page; whatever stops a worker stops the
# build and leaves nothing behind.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use SessionMemory;
use VectorQuant;

my $dims = 32;
my $rows = 6000;
my $node = new_node('parallel', 'max_parallel_maintenance_workers = 2', 'maintenance_work_mem = 128MB',
    'max_worker_processes = 16', 'max_parallel_workers = 8', 'max_prepared_transactions = 1');
new_table($node, 'items', $dims, $rows);
my $query = query_vector($node, $dims, 1);

# Parallel workers of the table's builds: a number, or as PostgreSQL plans.
sub set_workers
{
    my ($table, $workers) = @_;
    my $how = defined $workers ? "SET (parallel_workers = $workers)" : 'RESET (parallel_workers)';
    $node->safe_psql('postgres', "ALTER TABLE $table $how");
    return;
}

# Runs the statements, which must not fail. Returns how many workers each build of theirs used, comma separated, and how many
# rows those encoded.
sub workers_of
{
    my ($statements) = @_;
    my ($out, $err) = ('', '');
    my $failed = $node->psql('postgres', "SET client_min_messages = debug1; $statements", stdout => \$out, stderr => \$err,
        on_error_stop => 1);
    is($failed, 0, 'builds') or diag($err);
    my @builds;
    my $encoded = 0;
    for (split /\n/, $err)
    {
        push @builds, 0 if /rows sampled/;
        $builds[-1] = $1 if /using (\d+) parallel workers/;
        $encoded += $1 if /worker \d+ has encoded (\d+) rows/;
    }
    return (join(',', @builds), $encoded);
}

# Checksums of an index's pages but the first, which has sums over the rows in the order they came in. A page's own WAL
# position and checksum, its first ten bytes, are left out.
sub pages
{
    my ($index) = @_;
    return $node->safe_psql('postgres', qq{CHECKPOINT;
        SELECT count(*), md5(string_agg(substr(vq_page('$index', n), 11), '' ORDER BY n))
        FROM generate_series(1, pg_relation_size('$index') / current_setting('block_size')::int - 1) n});
}

# What the statistics say of the build.
sub statistics
{
    my ($index, $table) = @_;
    return $node->safe_psql('postgres', "SELECT reltuples FROM pg_class WHERE relname IN ('$index', '$table') ORDER BY relname")
      . ' ' . $node->safe_psql('postgres', "SELECT to_jsonb(s) - 'residual_norm' - 'drift' FROM vector_quant_index_stats('$index') s");
}

# Passes if the build takes so many workers.
sub takes_workers
{
    my ($wanted, $statements, $name) = @_;
    my ($workers) = workers_of($statements);
    return is($workers, $wanted, "$name: workers");
}

sub is_sound
{
    my ($index, $name) = @_;
    my ($out, $err) = ('', '');
    $node->psql('postgres', "SELECT vector_quant_index_check('$index', true)", stdout => \$out, stderr => \$err);
    return is($err, '', "$name: vector_quant_index_check");
}

my $encoded_by_workers = 0;
for my $am (access_methods())
{
    my $variant = variant($am, 2); # wrvq's has sub-lists
    for my $with ('nlist = 50', "nlist = 50, refine = true, $variant")
    {
        my (%pages, %statistics);
        for my $workers (0, 2)
        {
            set_workers('items', $workers);
            my ($took, $encoded) =
              workers_of("CREATE INDEX items_v ON items USING $am (v vector_cosine_ops) WITH ($with)");
            is($took, $workers, "$am, $with: $workers workers");
            $encoded_by_workers += $encoded;
            is_complete($node, 'items', $query, "$am, $with, $workers workers", '<=>');
            $pages{$workers}      = pages('items_v');
            $statistics{$workers} = statistics('items_v', 'items');
            $node->safe_psql('postgres', 'DROP INDEX items_v');
        }
        is($pages{2},      $pages{0},      "$am, $with: the same pages");
        is($statistics{2}, $statistics{0}, "$am, $with: the same statistics");
    }

    # Beside writers
    takes_workers(2, "CREATE INDEX CONCURRENTLY items_v ON items USING $am (v)", "$am, concurrently");
    is_complete($node, 'items', $query, "$am, concurrently");
    takes_workers(2, 'REINDEX INDEX CONCURRENTLY items_v', "$am, REINDEX CONCURRENTLY");
    is_complete($node, 'items', $query, "$am, REINDEX CONCURRENTLY");

    # An expression of some of the rows, built where nothing but its result is at hand
    takes_workers(2, "CREATE INDEX items_some ON items USING $am (((v + v)::vector($dims))) WHERE id % 3 = 0",
        "$am, expression and predicate");
    is_sound('items_some', "$am, expression and predicate");
    is($node->safe_psql('postgres', "SELECT rows FROM vector_quant_index_stats('items_some')"), int($rows / 3),
        "$am: the rows of the predicate");
    $node->safe_psql('postgres', 'DROP INDEX items_v, items_some');
}
cmp_ok($encoded_by_workers, '>', 0, 'workers have encoded rows');
my ($am) = access_methods();

# --- how many

# Vectors that lie in the TOAST table: the table's own pages are too few for a worker.
new_table($node, 'wide', 1000, 1200);
$node->safe_psql('postgres', "ALTER SYSTEM SET min_parallel_table_scan_size = '1MB'; SELECT pg_reload_conf()");
is($node->safe_psql('postgres', "SELECT pg_relation_size('wide') < 1048576, pg_table_size('wide') > 3 * 1048576"), 't|t',
    'most of the table is in its TOAST table');
my $build = "CREATE INDEX wide_v ON wide USING $am (v); DROP INDEX wide_v";
takes_workers(2, $build, 'TOAST');
takes_workers(1, "SET max_parallel_maintenance_workers = 1; $build", 'TOAST, one allowed');
takes_workers(1, "SET maintenance_work_mem = '64MB'; $build",        'TOAST, memory for one');
takes_workers(0, "SET maintenance_work_mem = '32MB'; $build",        'TOAST, memory for none');
takes_workers(1, "SET max_parallel_workers = 1; $build",             'TOAST, one to be had');
takes_workers(0, "SET max_parallel_workers = 0; $build",             'TOAST, none to be had');
takes_workers(0, "ALTER TABLE wide SET (parallel_workers = 0); $build", 'TOAST, none wanted');
takes_workers(0, "SET min_parallel_table_scan_size = '8MB'; ALTER TABLE items RESET (parallel_workers);
    CREATE INDEX items_v ON items USING $am (v)", 'a small table');
takes_workers(0, 'ALTER TABLE items SET (parallel_workers = 2); CREATE TEMP TABLE own (LIKE items);
    ALTER TABLE own SET (parallel_workers = 2); INSERT INTO own SELECT * FROM items;' . "CREATE INDEX ON own USING $am (v)",
    'a temporary table');
takes_workers(0, "CREATE TABLE nothing (v vector(3)) WITH (parallel_workers = 2); CREATE INDEX ON nothing USING $am (v)",
    'an empty table');
$node->safe_psql('postgres', "DROP INDEX items_v; CREATE FUNCTION unsafe(v vector) RETURNS vector IMMUTABLE PARALLEL UNSAFE
    LANGUAGE plpgsql AS 'BEGIN RETURN v; END'");
takes_workers(0, "CREATE INDEX items_v ON items USING $am ((unsafe(v)::vector($dims))); DROP INDEX items_v",
    'an expression that workers must not evaluate');

# --- row versions that an older transaction may still see

# Rows updated in place while it runs: what the index says of them holds for later snapshots only, and PostgreSQL notes that.
$node->safe_psql('postgres', "CREATE TABLE updated (id bigint PRIMARY KEY, v vector($dims)) WITH (fillfactor = 50, parallel_workers = 2)");
fill($node, 'updated', $dims, 1, $rows);
$node->safe_psql('postgres', "BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'older'");
$node->safe_psql('postgres', 'UPDATE updated SET v = v + v WHERE id % 7 = 0');
takes_workers(2, "CREATE INDEX updated_v ON updated USING $am (v)", 'updated rows');
is($node->safe_psql('postgres', "SELECT indcheckxmin FROM pg_index WHERE indexrelid = 'updated_v'::regclass"), 't',
    'the index is not for older snapshots');
is($node->safe_psql('postgres', "SELECT rows FROM vector_quant_index_stats('updated_v')"), $rows, 'a row of two versions counts once');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'older'");
is_complete($node, 'updated', $query, 'updated rows');

# --- an error in a worker

$node->safe_psql('postgres', q{
    CREATE FUNCTION not_in_workers(v vector) RETURNS vector IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) = 'parallel worker' THEN
            RAISE EXCEPTION USING ERRCODE = 'data_exception', MESSAGE = 'not in a worker';
        END IF;
        RETURN v;
    END $$});
my ($out, $err, $left) = ('', '', build_left($node));
$node->psql('postgres', qq{\\set VERBOSITY verbose
    SET maintenance_work_mem = '128MB';
    ALTER TABLE items SET (parallel_workers = 2);
    CREATE INDEX items_v ON items USING $am ((not_in_workers(v)::vector($dims)));
    SELECT 'left: ' || $left;
    SELECT 'workers: ' || count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker';
    CREATE INDEX items_v ON items USING $am (v)}, stdout => \$out, stderr => \$err, on_error_stop => 0);
like($err, qr/ERROR:  22000: not in a worker$/m, 'the error of a worker is the error of the build');
is($out, "left: 0\nworkers: 0", 'neither memory nor workers are left');
is_complete($node, 'items', $query, 'the next build');

# --- a worker that is ended from outside

new_table($node, 'few', $dims, 1500);
$node->safe_psql('postgres', 'ALTER TABLE few SET (parallel_workers = 2);
    CREATE FUNCTION slow(v vector) RETURNS vector IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.001); RETURN v; END $$');
my ($build_out, $build_err) = ('', '');
my $building = IPC::Run::start([ 'psql', '-XqAt', '-c', "CREATE INDEX few_v ON few USING $am ((slow(v)::vector($dims)))",
        '-d', $node->connstr('postgres') ], '>', \$build_out, '2>', \$build_err);
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
    'there is a worker');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'parallel worker' LIMIT 1");
$building->finish;
like($build_err, qr/ERROR:  terminating .* due to administrator command/, 'so is the build');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'few_v'"), '0', 'and leaves no index');
takes_workers(2, "CREATE INDEX few_v ON few USING $am (v)", 'the build after that');
is_complete($node, 'few', $query, 'the build after that');

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
