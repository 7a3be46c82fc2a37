# Memory of a session stays flat: over the rescans of one query, over many queries, over many indexes. Memory of one scan
# does not depend on how many rows are fetched.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 32;
my $node  = new_node('memory', "work_mem = '256kB'");
my $query = query_vector($node, $dims, 1);

# Bytes in all memory contexts of this backend, and its pages in use beyond shared memory.
$node->safe_psql(
    'postgres', q{
    CREATE FUNCTION used() RETURNS bigint VOLATILE LANGUAGE sql
        RETURN (SELECT sum(total_bytes) FROM pg_backend_memory_contexts);
    CREATE FUNCTION private_kb() RETURNS bigint VOLATILE LANGUAGE sql RETURN (SELECT sum(m[1]::bigint)
        FROM regexp_matches(pg_read_file('/proc/self/status', 0, 10000), 'RssAnon:\s+(\d+)', 'g') m)});

my $force = 'SET enable_seqscan = off; SET enable_sort = off; SET max_parallel_workers_per_gather = 0;';

sub flat
{
    my ($name, $limit_kb, $sql) = @_;
    my ($before, $after) = split /[|\n]/, $node->safe_psql('postgres', "$force $sql");
    my $grown = ($after - $before) / 1024;
    note(sprintf('%s: %d kB, then %d kB', $name, $before / 1024, $after / 1024));
    return cmp_ok($grown, '<=', $limit_kb, "$name: grows by $limit_kb kB at most");
}

for my $am (access_methods())
{
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
