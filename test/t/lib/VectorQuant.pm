# What the TAP tests share: a cluster with the extension, generated clustered vectors, exact answers to compare with.
#
# A row's vector is a function of its number, vq_row(id), so that a test can put the same row back. Rows lie around
# 40 centres; queries are rows that are not in the table.
#
# Each test runs for every access method of test/access_methods, in one cluster: in a loop, or with tables of all of them.
package VectorQuant;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(access_methods variant new_node start_node disable_checksums new_table fill check_indexes query_vector uses_index
  relaxed_order rows_through_index walk is_strict is_complete make_truth load_real_set real_truth recall nearest crashed wait_for_recovery);

my (@access_methods, %variants);
for (split /\n/, slurp_file(dirname(__FILE__) . '/../../access_methods'))
{
    next unless /^(\w+) *\| *(.*)/;
    push @access_methods, $1;
    $variants{$1} = [ split /; */, $2 ];
}

sub access_methods { return @access_methods; }

# Options of the access method's own that vary what its pages hold: the first, the second, ..., the first again.
sub variant
{
    my ($am, $number) = @_;
    my $list = $variants{$am};
    return $list->[ ($number - 1) % @$list ];
}

my $functions = <<'SQL';
CREATE FUNCTION vq_uniform(i bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT (hashint8extended(i, seed) & 1048575) / 1048576.0 - 0.5';
CREATE FUNCTION vq_row(id bigint, dims int) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT array_agg((vq_uniform(d, 1000 + id % 40) * 4
        + vq_uniform(d, 100000 + id) + vq_uniform(d, -id))::real ORDER BY d)::vector
        FROM generate_series(1, dims) d';
CREATE FUNCTION vq_walk(query text, OUT given bigint, OUT different bigint, OUT back bigint) LANGUAGE plpgsql AS $$
DECLARE r record; before float8; ids bigint[];
BEGIN
    given := 0;
    back := 0;
    FOR r IN EXECUTE query LOOP
        given := given + 1;
        back := back + coalesce(r.d < before, false)::int;
        before := r.d;
        ids := ids || r.id::bigint;
    END LOOP;
    different := (SELECT count(DISTINCT id) FROM unnest(ids) id);
END $$;
-- A page as the last checkpoint left it. (pageinspect is not in every package.)
CREATE FUNCTION vq_page(relation regclass, block bigint) RETURNS bytea LANGUAGE sql VOLATILE
    AS 'SELECT pg_read_binary_file(pg_relation_filepath(relation), block * 8192, 8192)';
SQL
# A started server with the extension and the functions above. Options are lines of postgresql.conf.
sub new_node
{
    my ($name, @conf) = @_;
    return start_node(PostgreSQL::Test::Cluster->new($name), @conf);
}

# The same of a cluster that the caller made: one of another installation of PostgreSQL.
sub start_node
{
    my ($node, @conf) = @_;
    $node->init(allows_streaming => 1);
    $node->append_conf('postgresql.conf', join("\n", 'autovacuum = off', 'jit = off', @conf, ''));
    $node->start;
    $node->safe_psql('postgres', "CREATE EXTENSION vector_quant;\n$functions");
    return $node;
}

# Lets pages of a stopped server be written by hand: from 18 on a new cluster has checksums.
sub disable_checksums
{
    my ($node) = @_;
    IPC::Run::run([ 'pg_checksums', '--disable', '-D', $node->data_dir ], '>', \my $out, '2>', \my $err);
    return;
}

# A table with rows 1 .. $rows and, with option am (access method), its index ${table}_v. Further options: ops (operator
# class), with (index options), kind (UNLOGGED).
sub new_table
{
    my ($node, $table, $dims, $rows, %option) = @_;
    my $ops  = $option{ops} // 'vector_l2_ops';
    my $kind = $option{kind} // '';
    $node->safe_psql('postgres', "CREATE $kind TABLE $table (id bigint PRIMARY KEY, v vector($dims))");
    fill($node, $table, $dims, 1, $rows) if $rows > 0;
    my $with = $option{with} ? "WITH ($option{with})" : '';
    my $filters = $option{filters} ? ", $option{filters}" : '';
    $node->safe_psql('postgres', "CREATE INDEX ${table}_v ON $table USING $option{am} (v $ops$filters) $with") if $option{am};
    $node->safe_psql('postgres', "ANALYZE $table");
    check_indexes($node, $table);
    return;
}

my $check = q{SET client_min_messages = warning; SELECT vector_quant_index_check(index, true) FROM vector_quant_indexes() WHERE "table" =};
# Dies if an index of the table is not sound.
sub check_indexes
{
    my ($node, $table) = @_;
    $node->safe_psql('postgres', "$check '$table'::regclass");
    return;
}

sub fill
{
    my ($node, $table, $dims, $first, $last) = @_;
    $node->safe_psql('postgres',
        "INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series($first, $last) id");
    check_indexes($node, $table);
    return;
}

# An SQL constant: a point near the rows.
sub query_vector
{
    my ($node, $dims, $number) = @_;
    return "'" . $node->safe_psql('postgres', "SELECT vq_row(1000000 + $number, $dims)") . "'";
}

# After a backend was killed: until the server takes connections again. poll_query_until writes to a psql that may be gone by then.
sub wait_for_recovery
{
    my ($node) = @_;
    for (1 .. 1800)
    {
        my ($out, $err) = ('', '');
        return 1 if IPC::Run::run([ 'psql', '-XAtqc', 'SELECT 1', '-d', $node->connstr('postgres') ], '>', \$out, '2>', \$err);
        usleep(100_000);
    }
    return 0;
}

my $force = 'SET enable_seqscan = off; SET enable_sort = off;';

# Passes if the planner reads the query through the index.
sub uses_index
{
    my ($node, $query, $index, $name) = @_;
    my $plan = $node->safe_psql('postgres', "$force EXPLAIN (COSTS OFF) $query");
    return like($plan, qr/Index Scan using $index/, $name);
}

# Settings for scans that give every row, late ones too.
sub relaxed_order { return join(' ', map { "SET $_.iterative_scan = relaxed_order;" } @access_methods); }

# "rows, distinct rows, rows of the table not among them, rows that the table has not" of a full scan in relaxed order.
sub rows_through_index
{
    my ($node, $table, $query, $op, $settings) = @_;
    $op       //= '<->';
    $settings //= '';
    my $relaxed = relaxed_order();
    return $node->safe_psql(
        'postgres', qq{
        $force $relaxed $settings
        WITH found AS MATERIALIZED (SELECT id FROM $table ORDER BY v $op $query)
        SELECT count(*), count(DISTINCT id),
            (SELECT count(*) FROM (SELECT id FROM $table EXCEPT SELECT id FROM found) m),
            (SELECT count(*) FROM (SELECT id FROM found EXCEPT SELECT id FROM $table) m) FROM found});
}

# Rows, distinct rows and steps back of a cursor over all that the index gives: places where a distance is smaller than the
# one before, be it in the last bit.
sub walk
{
    my ($node, $table, $query, $op, $settings) = @_;
    $settings //= '';
    my $walked = $node->safe_psql('postgres',
        "$force $settings SELECT * FROM vq_walk(\$q\$SELECT id, v $op $query AS d FROM $table ORDER BY v $op $query\$q\$)");
    return split /\|/, $walked;
}

# Passes if a full scan in strict order, the default, gives no row out of order, none twice, and at least 95 % of $rows. Not all:
# bounds hold with high probability only, and the first rows go out before all lists were visited; what turns out nearer
# than a row given out before is left out.
sub is_strict
{
    my ($node, $table, $query, $op, $rows, $name, $settings) = @_;
    my ($given, $different, $back) = walk($node, $table, $query, $op, $settings);
    return ok($back == 0 && $different == $given && $given <= $rows && $given >= int(0.95 * $rows), $name)
      || diag("of $rows rows given: $given, different: $different, steps back: $back");
}

# Passes if a full scan in relaxed order returns every row of the table exactly once, one in strict order nearly all of them in
# order, and the indexes' pages are sound.
sub is_complete
{
    my ($node, $table, $query, $name, $op) = @_;
    my ($out, $err) = ('', '');
    $node->psql('postgres', "$check '$table'::regclass", stdout => \$out, stderr => \$err);
    is($err, '', "$name: vector_quant_index_check");
    my $rows = $node->safe_psql('postgres', "SELECT count(*) FROM $table");
    is_strict($node, $table, $query, $op // '<->', $rows, "$name: in strict order");
    return is(rows_through_index($node, $table, $query, $op), "$rows|$rows|0|0", "$name: every row once through the index");
}

# Table ${table}_truth: $queries queries with their $k nearest rows by an exact scan.
sub make_truth
{
    my ($node, $table, $dims, $op, $k, $queries) = @_;
    $node->safe_psql(
        'postgres', qq{
        SET enable_indexscan = off;
        DROP TABLE IF EXISTS ${table}_truth;
        CREATE TABLE ${table}_truth AS
            SELECT q.v, ARRAY(SELECT id FROM $table t ORDER BY t.v $op q.v LIMIT $k) AS ids
            FROM (SELECT vq_row(1000000 + n, $dims) AS v FROM generate_series(1, $queries) n OFFSET 0) q});
    return;
}

# Tables $table and ${table}_query from a folder of VQ_DATA: its base and query files, so many rows and queries of them.
sub load_real_set
{
    my ($node, $table, $folder, $base, $query, $rows, $queries) = @_;
    my $data = "$ENV{VQ_DATA}/$folder";
    my $out  = PostgreSQL::Test::Utils::tempdir();
    my $script = <<'PY';
import sys, numpy as np
for source, rows, target in zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3]):
    x = np.load(source, mmap_mode="r")[:int(rows)].astype(np.float32)
    with open(target, "w") as f:
        for i, row in enumerate(x):
            f.write(f"{i}\t[{','.join('%.9g' % v for v in row)}]\n")
PY
    system_or_bail($ENV{VQ_PYTHON} || 'python3', '-c', $script, "$data/$base", $rows, "$out/b", "$data/$query", $queries,
        "$out/q");
    my $dims = $folder =~ s/.*-//r;
    $node->safe_psql(
        'postgres', qq{
        CREATE TABLE $table (id bigint PRIMARY KEY, v vector($dims));
        COPY $table FROM '$out/b';
        CREATE TABLE ${table}_query (id bigint, v vector($dims));
        COPY ${table}_query FROM '$out/q';
        ANALYZE $table});
    return;
}

# Table ${table}_truth as make_truth's, for the rows taken of a real set.
sub real_truth
{
    my ($node, $table, $op, $k) = @_;
    $node->safe_psql(
        'postgres', qq{
        DROP TABLE IF EXISTS ${table}_truth;
        CREATE TABLE ${table}_truth AS SELECT q.v, ARRAY(SELECT id FROM $table t ORDER BY t.v $op q.v LIMIT $k) AS ids
        FROM ${table}_query q});
    return;
}

# Share of the true nearest that the index finds.
sub recall
{
    my ($node, $table, $op, $k, $settings) = @_;
    $settings //= '';
    return $node->safe_psql(
        'postgres', qq{
        $force $settings
        SELECT round(avg(cardinality(ARRAY(SELECT unnest(ids) INTERSECT
            SELECT unnest(ARRAY(SELECT id FROM $table t ORDER BY t.v $op q.v LIMIT $k)))) / $k.0), 4)
        FROM ${table}_truth q});
}

# Ids of the $k nearest, comma separated; with $index = 0 by an exact scan.
sub nearest
{
    my ($node, $table, $query, $op, $k, $index) = @_;
    my $how = $index ? $force : 'SET enable_indexscan = off;';
    return $node->safe_psql('postgres',
        "$how SELECT string_agg(id::text, ',') FROM (SELECT id FROM $table ORDER BY v $op $query LIMIT $k) n");
}

# Whether the server's log speaks of a crash of a backend.
sub crashed
{
    my ($node) = @_;
    return slurp_file($node->logfile) =~ /terminated by signal|was terminated by|PANIC|TRAP:/;
}

1;
