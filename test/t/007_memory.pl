# Memory of a session stays flat: over the rescans of one query, over many queries, over many indexes. Memory of one scan
# does not depend on how many rows are fetched: what work_mem does not hold goes to a temporary file, and no row is lost by it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use SessionMemory;
use VectorQuant;

my $dims  = 32;
my $node  = new_node('memory', "work_mem = '256kB'");
my $query = query_vector($node, $dims, 1);

# What a session may have more of without growing, kB: 13 counts pages, and those of other kinds too.
my $slack = has_contexts($node) ? 0 : 1024;

# Bytes in all memory contexts of this backend, and its pages in use beyond shared memory.
my ($used, $private_kb) = (session_bytes($node), private_kb());
$node->safe_psql('postgres', "CREATE FUNCTION used() RETURNS bigint VOLATILE LANGUAGE sql AS \$\$ SELECT $used \$\$;
    CREATE FUNCTION private_kb() RETURNS bigint VOLATILE LANGUAGE sql AS \$\$ SELECT $private_kb \$\$");

my $force = 'SET enable_seqscan = off; SET enable_sort = off; SET max_parallel_workers_per_gather = 0;';

sub flat
{
    my ($name, $limit_kb, $sql) = @_;
    my ($before, $after) = split /[|\n]/, $node->safe_psql('postgres', "$force $sql");
    my $grown = ($after - $before) / 1024;
    note(sprintf('%s: %d kB, then %d kB', $name, $before / 1024, $after / 1024));
    return cmp_ok($grown, '<=', $limit_kb + $slack, "$name: grows by $limit_kb kB at most");
}

# Bytes of the scan; on 13 of the session, from which those are taken that it had before.
my $of_scan = scan_bytes($node);
my $before = has_contexts($node) ? '0' : $of_scan;

# A walk through all rows in order with as little work_mem as there may be: rows, steps back, most bytes of the scan, and
# temporary files at the deepest.
$node->safe_psql(
    'postgres', qq{
    CREATE FUNCTION scan_used() RETURNS bigint VOLATILE LANGUAGE sql AS \$\$ SELECT $of_scan \$\$;
    CREATE FUNCTION used_before() RETURNS bigint VOLATILE LANGUAGE sql AS \$\$ SELECT $before \$\$;} . q{
    CREATE FUNCTION walk(tab text, op text, query text, OUT n int, OUT back int, OUT bytes bigint, OUT files bigint)
        LANGUAGE plpgsql AS $$
    DECLARE c refcursor; r record; last float8 := '-Infinity'; before bigint := used_before();
    BEGIN
        SELECT 0, 0, 0, 0 INTO n, back, bytes, files;
        OPEN c FOR EXECUTE format('SELECT v %s %L::vector AS d FROM %s ORDER BY v %1$s %2$L::vector', op, query, tab);
        LOOP
            FETCH c INTO r;
            EXIT WHEN NOT FOUND;
            n := n + 1;
            back := back + (r.d < last)::int;
            last := r.d;
            IF n % 1000 = 1 THEN
                SELECT greatest(bytes, scan_used() - before), greatest(files, (SELECT count(*) FROM pg_ls_tmpdir())) INTO bytes, files;
            END IF;
        END LOOP;
    END $$});

my $deep_rows = 40000;
my %coarse = (ivf_rabitq => 'rbq_bits = 1', scann => 'pq_dims = 8', wrvq => 'codebooks = 4, codebook_size = 16');

sub deep_walk
{
    my ($am, $name, $op, $ops, $with) = @_;
    new_table($node, 'deep', 8, $deep_rows, ops => $ops, am => $am, with => "nlist = 40, $with");
    my $near = query_vector($node, 8, 5) =~ s/'//gr;
    for my $how ('65536 strict_order', '65536 relaxed_order', '1 relaxed_order')
    {
        my ($nprobe, $order) = split / /, $how;
        my $set  = "$force SET work_mem = '64kB'; SET $am.nprobe = $nprobe; SET $am.epsilon = 4; SET $am.iterative_scan = $order;";
        my $walk = "SELECT * FROM walk('deep', '$op', '$near')";
        my ($n, $back, $bytes, $files) = split /\|/, $node->safe_psql('postgres', "$set $walk");
        my $full = "$am, $name, $how";
        note("$full: $n rows, $back steps back, $bytes bytes, $files files");
        cmp_ok($bytes, '<=', (64 + 96 + $slack) * 1024, "$full: a walk takes work_mem, and 96 kB for query and lists");
        cmp_ok($files, '>',  0, "$full: and a temporary file");
        cmp_ok($n, '>=', ($order eq 'strict_order' ? 0.999 : 1) * $deep_rows, "$full: rows come");
        cmp_ok($back, '<=', $order eq 'strict_order' ? 0 : $deep_rows / 1000, "$full: in order") if $nprobe > 1;
    }
    # A scan that ends early, is begun anew, or fails leaves no file.
    my $some = "FROM deep ORDER BY v $op '$near'";
    my ($out, $err) = ('', '');
    $node->psql(
        'postgres', "$force SET work_mem = '64kB'; SET $am.nprobe = 65536; SET $am.epsilon = 4;
        BEGIN;
        DECLARE c CURSOR FOR SELECT id $some;
        MOVE 20000 c;
        SELECT 'early', count(*) FROM pg_ls_tmpdir();
        CLOSE c;
        SELECT 'closed', count(*) FROM pg_ls_tmpdir();
        SELECT sum(s) FROM generate_series(1, 3) n, LATERAL (SELECT sum(id) AS s FROM
            (SELECT id $some LIMIT 10000 * n) l) l;
        SELECT 'rescanned', count(*) FROM pg_ls_tmpdir();
        COMMIT;
        SELECT sum(1 / (id - (SELECT max(id) FROM (SELECT id $some LIMIT 10000) l))) FROM (SELECT id $some LIMIT 20000) l;
        SELECT 'failed', count(*) FROM pg_ls_tmpdir();",
        stdout => \$out, stderr => \$err, on_error_stop => 0);
    like($out, qr/early\|1\n/,     "$am, $name: rows wait in a file");
    like($out, qr/closed\|0\n/,    "$am, $name: none after CLOSE");
    like($out, qr/rescanned\|0$/m, "$am, $name: none after rescans");
    like($err, qr/division by zero/, "$am, $name: an error");
    like($out, qr/failed\|0\s*$/,  "$am, $name: none after the error");
    $node->safe_psql('postgres', 'DROP TABLE deep');
    return;
}

for my $am (access_methods())
{
    my $coarse = $coarse{$am} // variant($am, 1);
    deep_walk($am, 'L2', '<->', 'vector_l2_ops', $coarse);
    deep_walk($am, 'inner product, refine codes', '<#>', 'vector_ip_ops', "$coarse, refine = true");
    deep_walk($am, 'cosine', '<=>', 'vector_cosine_ops', $coarse);

    my ($items, $fine) = ("items_$am", "fine_$am");
    new_table($node, $items, $dims, 6000, am => $am, with => 'nlist = 40');
    new_table($node, $fine, $dims, 3000, am => $am, with => 'nlist = 20, refine = true, ' . variant($am, 1));

    for my $table ($items, $fine)
    {
        my $join = "SELECT n, CASE WHEN n IN (50, 1000) THEN used() END AS bytes, r.found
            FROM (SELECT n, vq_row(2000000 + n, $dims) AS v FROM generate_series(1, 1000) n OFFSET 0) q,
            LATERAL (SELECT count(*) AS found FROM (SELECT id FROM $table ORDER BY v <-> q.v LIMIT 20) l) r";
        uses_index($node, $join, "${table}_v", "rescans of $table: plan");
        flat("1,000 rescans of $table", 16, "SELECT min(bytes) FILTER (WHERE n = 50), min(bytes) FILTER (WHERE n = 1000) FROM ($join) j");

        my $loop = "DO \$\$ DECLARE n int; c int; BEGIN FOR n IN 1 .. %d LOOP
            SELECT count(*) INTO c FROM (SELECT id FROM $table ORDER BY v <-> $query LIMIT 10) l; END LOOP; END \$\$;";
        flat("3,000 queries of $table", 16, sprintf("$loop SELECT used(); $loop SELECT used()", 50, 3000));
        flat("pages after 3,000 queries of $table", 1024 * 1024,
            sprintf("$loop SELECT private_kb() * 1024; $loop SELECT private_kb() * 1024", 300, 3000));

        # nprobe of all lists makes the first row wait for everything; reading on may not add to it.
        flat("reading all of $table", 1536,
            "SET $am.nprobe = 65536; SELECT used() FROM (SELECT id FROM $table ORDER BY v <-> $query LIMIT 1) l;
             SELECT max(bytes) FROM (SELECT CASE WHEN row_number() OVER () % 500 = 0 THEN used() END AS bytes
                 FROM (SELECT id FROM $table ORDER BY v <-> $query) l) m");
    }

    my $rebuild = 'DO $$ BEGIN FOR n IN 1 .. %d LOOP
        REINDEX INDEX ' . $fine . '_v; PERFORM id FROM ' . $fine . ' ORDER BY v <-> %s LIMIT 10; END LOOP; END $$; SELECT used();';
    flat("60 rebuilds of $fine", 512, sprintf("$rebuild $rebuild", 5, $query, 60, $query));

    my $many = 'DO $$ BEGIN FOR n IN 1 .. 120 LOOP
        EXECUTE format(\'CREATE TABLE many_' . $am . '_%%s AS SELECT id, v FROM ' . $fine . ' LIMIT 100\', n);
        EXECUTE format(\'CREATE INDEX ON many_' . $am . '_%%s USING ' . $am . ' ((v::vector(' . $dims . ')))\', n);
        EXECUTE format($q$SELECT id FROM many_' . $am . '_%%s ORDER BY v::vector(' . $dims . ') <-> %s LIMIT 3$q$, n);
        IF n = 40 THEN RAISE NOTICE \'used %%\', used(); END IF;
        END LOOP; RAISE NOTICE \'used %%\', used(); END $$;';
    my ($out, $err) = ('', '');
    $node->psql('postgres', $force . sprintf($many, $query), stdout => \$out, stderr => \$err);
    my @used = $err =~ /used (\d+)/g;
    is(scalar(@used), 2, "120 indexes of $am in one session") or diag($err);
    cmp_ok(($used[1] - $used[0]) / 1024, '<=', 6 * 1024, "the last 80 of 120 indexes of $am take 6 MB at most");
    note("40 indexes: $used[0] bytes, 120 indexes: $used[1] bytes");
}

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
