# Rows go by logical replication from our own types to pgvector's, and on from there to our own types on a third database: as text and in
# binary form, first copy and later changes. Each has indexes of its own, made before a row is there, which autovacuum trains and which answer
# as an exact scan of the first database does. Where pgvector is not installed an extension of its name made of our types stands in for it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Installation;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $rows = 1500;
my %installation = copy_installation();
my $real = provide_pgvector(%installation);
note($real ? 'pgvector itself' : 'the stand-in for pgvector');
my @conf = ('wal_level = logical', 'max_worker_processes = 16', 'autovacuum = off', 'autovacuum_naptime = 1s');
my $ours   = start_node(PostgreSQL::Test::Cluster->new('ours', install_path => $installation{install_path}), @conf);
my $theirs = PostgreSQL::Test::Cluster->new('theirs', install_path => $installation{install_path});
$theirs->init(allows_streaming => 1);
$theirs->append_conf('postgresql.conf', join("\n", @conf, 'jit = off', ''));
$theirs->start;

# A schema for each form. Up to 13 there is text alone, up to 15 the first copy is text.
my %form = (as_text => '', ($ours->pg_version >= 14 ? (as_binary => ', binary = true') : ()));
my @forms = sort keys %form;

# The databases in the order in which rows come to them: name, server, its extensions.
my @databases = ([ 'first', $ours, 'vector_quant' ], [ 'pgvector', $theirs, 'vector', 'vector_quant' ], [ 'last', $ours, 'vector_quant' ]);

# Tables of a form: rows, values at the ends of what the types hold, and text that goes to a type which only one side has, and back. `wide` is long
# enough to lie out of line, and not sent when an update leaves it.
sub tables
{
    my ($schema, $sparse) = @_;
    return "CREATE SCHEMA $schema; SET search_path = $schema, public; SET client_min_messages = warning;
        CREATE TABLE items (id int PRIMARY KEY, v vector(8), h halfvec(8), wide vector(800));
        CREATE TABLE extremes (id int PRIMARY KEY, v vector(7), h halfvec(6), several vector[]);
        CREATE TABLE sparse (id int PRIMARY KEY, s $sparse);";
}

my $indexes = join(';', map { "CREATE INDEX v_$_ ON items USING $_ (v); CREATE INDEX h_$_ ON items USING $_ (h halfvec_cosine_ops)" } access_methods());
for my $database (@databases)
{
    my ($name, $node, @extensions) = @$database;
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    $node->safe_psql($name, "CREATE EXTENSION $_") for @extensions;
    for my $schema (@forms)
    {
        # Bytes of a text are none of a sparsevec: in binary form those tables are not sent.
        my $type = $real && $name eq 'pgvector' && $schema eq 'as_text' ? 'sparsevec' : 'text';
        $node->safe_psql($name, tables($schema, $type) . ($name eq 'first' ? '' : $indexes));
    }
}

my %server = map { $_->[0] => $_->[1] } @databases;
sub on { my ($name, $sql) = @_; return $server{$name}->safe_psql($name, $sql); }

sub for_all { my ($sql) = @_; on('first', "SET search_path = $_, public; $sql") for @forms; return; }

sub more_rows
{
    my ($first, $last) = @_;
    return "INSERT INTO items SELECT i, a::real[]::vector, a::real[]::halfvec, CASE WHEN i % 100 = 0 THEN array_fill(i / 7.0, ARRAY[800])::real[]::vector END
        FROM generate_series($first, $last) i, LATERAL (SELECT array_agg(sin(i * 12.9898 + d * i::float8 * i * 78.233) ORDER BY d) AS a FROM generate_series(1, 8) d) s";
}

for_all(more_rows(1, $rows) . q{;
    INSERT INTO extremes VALUES (1, '[3.4028235e38,-3.4028235e38,1e-45,-0,0.1,16777217,1.17549435e-38]', '[65504,-65504,5.9604645e-8,-0,0.1,6.1035e-5]', ARRAY['[1,2]'::vector, NULL, '[3]']), (2, NULL, NULL, NULL);
    INSERT INTO sparse VALUES (1, '{1:0.5,3:-2}/5')});

# --- each database subscribes to the one before

for my $i (1 .. $#databases)
{
    my ($name, $node) = @{ $databases[$i] };
    my ($from, $source) = @{ $databases[ $i - 1 ] };
    for my $schema (@forms)
    {
        my $sent = join(', ', map { "$schema.$_" } 'items', 'extremes', $schema eq 'as_text' ? 'sparse' : ());
        $source->safe_psql($from, "CREATE PUBLICATION $schema FOR TABLE $sent");
        $node->safe_psql($name, "CREATE SUBSCRIPTION ${name}_$schema CONNECTION '" . $source->connstr . " dbname=$from' PUBLICATION $schema WITH (slot_name = '${name}_$schema'$form{$schema})");
    }
    $node->poll_query_until($name, q{SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel}) or die "not copied to $name";
}

sub catch_up
{
    for my $i (1 .. $#databases) { $databases[ $i - 1 ][1]->wait_for_catchup("$databases[$i][0]_$_") for @forms; }
    return;
}

# Every value, as text and as bytes.
sub values_of
{
    my ($name, $schema) = @_;
    my $values = q{SELECT md5(string_agg(concat_ws('|', id, v, h, wide, vector_send(v), halfvec_send(h), vector_send(wide)), ',' ORDER BY id)) FROM items
        UNION ALL SELECT string_agg(concat_ws('|', id, v, h, vector_send(v), halfvec_send(h), several), ',' ORDER BY id) FROM extremes};
    $values .= " UNION ALL SELECT string_agg(s::text, ',') FROM sparse" if $schema eq 'as_text';
    return on($name, "SET search_path = $schema, public; $values");
}

sub same_values
{
    my ($when) = @_;
    for my $schema (@forms)
    {
        is(values_of($_, $schema), values_of('first', $schema), "$when, $schema: $_ has the same values") for qw(pgvector last);
    }
    return;
}

is(on('pgvector', q{SELECT count(*) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
    WHERE d.classid = 'pg_type'::regclass AND d.objid IN ('vector'::regtype, 'halfvec'::regtype) AND e.extname = 'vector'}), 2, "in the middle the types are pgvector's");
is(on('last', q{SELECT count(*) FROM pg_extension WHERE extname = 'vector'}), 0, 'in the end our own');
catch_up();
same_values('copied');

for_all(more_rows($rows + 1, $rows + 300) . q{;
    UPDATE items SET v = v + v, h = h + h WHERE id % 5 = 0;
    UPDATE items SET h = NULL WHERE id % 50 = 0;
    DELETE FROM items WHERE id % 7 = 0;
    UPDATE extremes SET v = '[-3.4028235e38,0,0,0,0,0,1e-45]' WHERE id = 2;
    DELETE FROM sparse; INSERT INTO sparse VALUES (2, '{2:1e-20}/100000')});
cmp_ok(on('first', 'SELECT count(*) FROM as_text.items WHERE id % 5 = 0 AND wide IS NOT NULL'), '>', 10, 'updates that leave a value out of line');
catch_up();
same_values('changed');

# --- indexes

for my $node ($ours, $theirs)
{
    $node->append_conf('postgresql.conf', 'autovacuum = on');
    $node->reload;
}
for my $name (qw(pgvector last))
{
    my $all = 2 * @forms * access_methods();
    ok($server{$name}->poll_query_until($name, "SELECT count(*) = $all FROM vector_quant_indexes() i, vector_quant_index_stats(i.index) s WHERE s.trained AND s.lists > 1"), "$name: autovacuum trains the indexes");
    is(on($name, 'SELECT count(vector_quant_index_check(index, true)::text) FROM vector_quant_indexes()'), $all, "$name: they are sound");
    for my $case (map { my $am = $_; map { [ $am, @$_ ] } [ 'v', '<->' ], [ 'h', '<=>' ] } access_methods())
    {
        my ($am, $column, $operator) = @$case;
        my $query = "SELECT id FROM items ORDER BY $column $operator '[1,2,3,4,5,6,7,8]' LIMIT 20";
        my $others = join(', ', map { "${column}_$_" } grep { $_ ne $am } access_methods());
        for my $schema (@forms)
        {
            my $set = "SET search_path = $schema, public; BEGIN; DROP INDEX $others; SET enable_seqscan = off; SET enable_sort = off; SET $am.nprobe = 65536; SET $am.epsilon = 4;";
            my ($plan, $ids) = on($name, "$set EXPLAIN (COSTS OFF) $query; SELECT string_agg(id::text, ',') FROM ($query) s") =~ /(.*)\n(.*)/s;
            like($plan, qr/Index Scan using ${column}_$am/, "$name, $schema: ${column}_$am is read");
            is($ids, on('first', "SET search_path = $schema, public; SET enable_indexscan = off; SELECT string_agg(id::text, ',') FROM ($query) s"), 'and answers as an exact scan of the first database');
        }
    }
}

ok(!crashed($_), 'no server process died') for ($ours, $theirs);
done_testing();
