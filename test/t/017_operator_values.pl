# The order of an index is the order of the operator's own values: the distances that a query shows never decrease, not even in their
# last bit. With our types; with an operator that sums in another order than our kernels do, as pgvector's do; and with pgvector's
# types where pgvector is installed. Rows that are all equally far but for rounding, huge, tiny and nearly equal numbers, halfs;
# without a refine code, with one that loses nothing and one that does. What is no number (NaN) comes last.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $node = new_node('operator_values');
my ($dims, $rows) = (24, 600);
my %kind = ('no refine code' => '', FP32 => ", refine = true, refine_type = 'FP32'", SQ8 => ', refine = true');

# Rows by table: type, what row i has in dimension d, and the query.
my $uniform = 'vq_uniform(d, 7 * i)';
my %table = (
    # The same bytes in other places: equally far from the query but for rounding. Twenty such groups of rows.
    permuted      => [ 'vector',  '(hashint4(b + 100 * (i % 20)) & 255)', 0.1 ],
    half_permuted => [ 'halfvec', '(hashint4(b + 100 * (i % 20)) & 255)', 0.1 ],
    # Cosine distances of a few units in the last place of 1.
    alike      => [ 'vector',  "vq_uniform(d, 3) * (1 + 1e-6 * $uniform)", 'vq_uniform(d, 3)' ],
    half_alike => [ 'halfvec', "vq_uniform(d, 3) * (1 + 1e-3 * $uniform)", 'vq_uniform(d, 3)' ],
    # Rows nearer to each other than to their codes of eight bits.
    clusters => [ 'vector', "vq_uniform(d, i % 20) + 1e-5 * $uniform", 'vq_uniform(d, 3)' ],
    # Of some rows the sums of squares overflow, or underflow: distances are infinite, zero, or no numbers, and bounds say nothing.
    extreme_large => [ 'vector', "$uniform * power(10, 18 + i % 13)",  '1e20 * vq_uniform(d, 3)' ],
    extreme_tiny  => [ 'vector', "$uniform * power(10, -18 - i % 13)", '1e-18 * vq_uniform(d, 3)' ]);

sub make_tables
{
    my $sql = '';
    for my $name (sort keys %table)
    {
        my ($type, $element, $query) = @{ $table{$name} };
        # b numbers the dimensions of a row in an order of its own.
        $sql .= "CREATE TABLE $name (id int, v $type($dims));
            INSERT INTO $name SELECT i, (SELECT array_agg($element ORDER BY d)::real[]::$type
                FROM (SELECT d, rank() OVER (ORDER BY hashint8extended(d, i), d)::int AS b FROM generate_series(1, $dims) d) s)
                FROM generate_series(1, $rows) i;
            CREATE TABLE query_of_$name AS SELECT array_agg($query ORDER BY d)::real[]::$type AS q FROM generate_series(1, $dims) d;
            ANALYZE $name;\n";
    }
    $node->safe_psql('postgres', $sql);
    return;
}

# Operators <~>, <#~> and <=~> on our types, with operator classes other_... Their sums run backwards, in double.
sub make_operators
{
    my %sum = (
        l2     => [ '<~>',  'sqrt(sum((x - y) * (x - y) ORDER BY n DESC))' ],
        ip     => [ '<#~>', '-sum(x * y ORDER BY n DESC)' ],
        cosine => [ '<=~>', '1 - least(1, greatest(-1, sum(x * y ORDER BY n DESC) / sqrt(sum(x * x ORDER BY n DESC) * sum(y * y ORDER BY n DESC))))' ]);
    my $sql = '';
    for my $type ('vector', 'halfvec')
    {
        for my $metric (sort keys %sum)
        {
            my ($op, $value) = @{ $sum{$metric} };
            $sql .= "CREATE FUNCTION other_$metric($type, $type) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT AS
                'SELECT $value FROM unnest(\$1::real[]::float8[], \$2::real[]::float8[]) WITH ORDINALITY u (x, y, n)';
                CREATE OPERATOR $op (LEFTARG = $type, RIGHTARG = $type, FUNCTION = other_$metric, COMMUTATOR = $op);\n";
            $sql .= "CREATE OPERATOR CLASS other_${type}_${metric}_ops FOR TYPE $type USING $_ AS OPERATOR 1 $op ($type, $type) FOR ORDER BY float_ops,
                FUNCTION 1 vector_quant_metric_$metric(internal), FUNCTION 2 vector_quant_element_$type(internal);\n" for access_methods();
        }
    }
    $node->safe_psql('postgres', $sql);
    return;
}

# Statements that show what the index gives: "rows|different rows|steps back|rows whose distance is no number", for the query on the
# right of the operator, then on its left; in the end the rows that a short search read from the table.
sub walks
{
    my ($table, $op, $query, @settings) = @_;
    my $sql = '';
    for my $settings (@settings)
    {
        $sql .= "$settings\n";
        for my $distance ("v $op $query", "$query $op v")
        {
            my $select = "SELECT id, $distance AS d FROM $table ORDER BY $distance";
            $sql .= "SELECT given, different, back, (SELECT count(*) FROM ($select) s WHERE d = 'NaN') FROM vq_walk(\$q\$$select\$q\$);\n";
        }
        $sql .= "RESET ALL; SET enable_seqscan = off; SET enable_sort = off;\n";
    }
    return "$sql SELECT count(*) FROM (SELECT id FROM $table ORDER BY v $op $query LIMIT 5) s; SELECT reranked FROM vector_quant_last_scan();\n";
}

sub check_operator
{
    my ($what, $am, $table, $op, $ops) = @_;
    my $query = $node->safe_psql('postgres', "SELECT quote_literal(q) FROM query_of_$table");
    my $none  = $node->safe_psql('postgres', "SET enable_indexscan = off; SELECT count(*) FROM $table WHERE v $op $query = 'NaN'");
    my @settings = ('', "SET $am.nprobe = 1;", "SET $am.nprobe = 65536; SET $am.epsilon = 4;");
    for my $kind (sort keys %kind)
    {
        my $label = "$what, $am, $table, $op, $kind";
        my ($first, @lines) = split /\n/, $node->safe_psql('postgres', "SET client_min_messages = error; SET enable_seqscan = off; SET enable_sort = off;
            CREATE INDEX ${table}_v ON $table USING $am (v $ops) WITH (nlist = 6$kind{$kind});
            EXPLAIN (COSTS OFF) SELECT id FROM $table ORDER BY v $op $query;\n" . walks($table, $op, $query, @settings) . "DROP INDEX ${table}_v");
        like($first, qr/Index Scan using ${table}_v/, "$label: plan");
        @lines = grep { /^[\d|]+$/ } @lines;
        for my $settings (@settings)
        {
            # Nearly all rows come where bounds can be computed, and where the first list need not give out before the others.
            my $least = $table =~ /extreme/ || $settings =~ /nprobe = 1;/ ? 0 : 0.95 * $rows;
            my @walks = splice(@lines, 0, 2);
            my @right = grep {
                my ($given, $different, $back, $nans) = split /\|/;
                $back == 0 && $different == $given && $nans == $none && $given <= $rows && $given >= $least
            } @walks;
            is(scalar(@right), 2, "$label, " . ($settings || 'as shipped')) || diag("@walks, no numbers: $none");
        }
        is($lines[1], 0, "$label: ranked by a code that loses nothing")
          if $kind eq 'FP32' || ($kind eq 'SQ8' && $table =~ /permuted/ && $ops !~ /cosine/);
    }
    return;
}

sub check_operators
{
    my ($what, $prefix, %op) = @_;
    for my $am (access_methods())
    {
        for my $table (sort keys %table)
        {
            check_operator($what, $am, $table, $op{$_}, "$prefix$table{$table}[0]_${_}_ops") for sort keys %op;
        }
    }
    return;
}

make_tables();
make_operators();
check_operators('our types', '', l2 => '<->', ip => '<#>', cosine => '<=>');
check_operators('other sums', 'other_', l2 => '<~>', ip => '<#~>', cosine => '<=~>');
if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"))
{
    $node->safe_psql('postgres', 'DROP TABLE ' . join(', ', map { ($_, "query_of_$_") } sort keys %table) . '; SET client_min_messages = error;
        DROP EXTENSION vector_quant CASCADE; CREATE EXTENSION vector; CREATE EXTENSION vector_quant');
    make_tables();
    check_operators("pgvector's types", '', l2 => '<->', ip => '<#>', cosine => '<=>');
}
else
{
    note('pgvector is not installed: its own functions are not called');
}
ok(!crashed($node), 'no crash');
done_testing();
