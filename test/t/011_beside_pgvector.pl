# One CREATE EXTENSION, two cases: pgvector's types where it is installed, our own where it is not. Each through dump and
# restore, DROP EXTENSION, the order that cannot work, and the way from one to the other and back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Installation;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my %installation = copy_installation();
my $real = provide_pgvector(%installation);
note($real ? 'pgvector itself' : 'the stand-in for pgvector');
my $node = PostgreSQL::Test::Cluster->new('beside', install_path => $installation{install_path});
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\n");
$node->start;
my $folder = PostgreSQL::Test::Utils::tempdir();

sub sql { my ($db, $sql) = @_; return $node->safe_psql($db, $sql); }

# Runs a statement that must fail; returns its errors.
sub refused
{
    my ($db, $sql) = @_;
    my ($out, $err) = ('', '');
    my $status = $node->psql($db, $sql, stdout => \$out, stderr => \$err);
    isnt($status, 0, "refused: $sql");
    return $err;
}

# The tables of the tests: both types, an index of every access method on each.
sub populate
{
    my ($db) = @_;
    my $indexes = '';
    for my $am (access_methods())
    {
        $indexes .= "CREATE INDEX v_$am ON items USING $am (v); CREATE INDEX h_$am ON items USING $am (h halfvec_cosine_ops) WITH (nlist = 5);";
    }
    sql($db, qq{
        CREATE TABLE items (id int PRIMARY KEY, v vector(8), h halfvec(8));
        INSERT INTO items SELECT i, a::real[]::vector, a::real[]::halfvec FROM generate_series(1, 500) i,
            LATERAL (SELECT array_agg(sin(i * 12.9898 + d * i::float8 * i * 78.233) ORDER BY d) AS a FROM generate_series(1, 8) d) s;
        SET client_min_messages = error; $indexes});
    return;
}

# What the indexes answer, one after the other, and that each was read.
sub answers
{
    my ($db) = @_;
    my $result = '';
    for my $am (access_methods())
    {
        for my $order ([ 'v <->', "v_$am" ], [ 'h <=>', "h_$am" ])
        {
            my $others = join ';', map { "DROP INDEX IF EXISTS v_$_, h_$_" } grep { $_ ne $am } access_methods();
            my $query  = "SELECT id FROM items ORDER BY $order->[0] '[1,2,3,4,5,6,7,8]' LIMIT 5";
            my $set    = "BEGIN; SET client_min_messages = error; $others; SET enable_seqscan = off; SET $am.nprobe = 1000; SET $am.epsilon = 4;";
            like(sql($db, "$set EXPLAIN (COSTS OFF) $query"), qr/Index Scan using $order->[1]/, "$db: $order->[1] is read");
            $result .= sql($db, "$set SELECT string_agg(id::text, ',') FROM ($query) s") . "\n";
        }
    }
    return $result;
}

sub exact
{
    my ($db) = @_;
    return join '', map {
        sql($db, "SET enable_indexscan = off; SELECT string_agg(id::text, ',') FROM (SELECT id FROM items ORDER BY $_ '[1,2,3,4,5,6,7,8]' LIMIT 5) s") . "\n"
    } ('v <->', 'h <=>') x scalar(access_methods());
}

sub sound
{
    my ($db, $name) = @_;
    my $count = 2 * scalar(access_methods());
    is(sql($db, q{SELECT count(vector_quant_index_check(c.oid, true)::text) FROM pg_class c JOIN pg_am a ON a.oid = relam
        WHERE amtype = 'i' AND relkind = 'i' AND amhandler::text LIKE ANY (ARRAY['%ivf_rabitq%', '%scann%', '%wrvq%'])}),
        $count, "$name: indexes are sound");
    return;
}

# Members of our extension among the types, and operator classes on pgvector's.
my $our_types = q{SELECT count(*) FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
    JOIN pg_type t ON t.oid = d.objid
    WHERE e.extname = 'vector_quant' AND d.classid = 'pg_type'::regclass AND d.deptype = 'e' AND t.typname IN ('vector', 'halfvec')};
my $our_classes = q{SELECT count(*) FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
    JOIN pg_opclass o ON o.oid = d.objid AND o.opcname ~ '^(vector|halfvec)_(l2|ip|cosine)_ops$'
    WHERE e.extname = 'vector_quant' AND d.classid = 'pg_opclass'::regclass AND d.deptype = 'e'};
my $classes = 6 * scalar(access_methods());

# What kind of dependency our extension has on pgvector's.
my $dependency = q{SELECT string_agg(deptype::text, ',') FROM pg_depend d, pg_extension e, pg_extension v
    WHERE d.classid = 'pg_extension'::regclass AND d.objid = e.oid AND e.extname = 'vector_quant'
    AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = v.oid AND v.extname = 'vector'};

# Updates to a made-up version and back: scripts that begin as every one does, and change nothing.
my ($version) = slurp_file("$installation{sql}/vector_quant.control") =~ /^default_version = '([\d.]+)'/m;
my ($beginning) = slurp_file("$installation{sql}/vector_quant--$version.sql") =~ /^(.*?DROP FUNCTION vector_quant_depend_on_pgvector\(\);)/s;
append_to_file("$installation{sql}/vector_quant--$_.sql", $beginning) for "$version--next", "next--$version";

# The archive has pgvector's extension first, and the entry of ours refers to it.
sub created_in_order
{
    my ($file, $name) = @_;
    my ($list) = run_command([ 'pg_restore', '--list', '--verbose', $file ]);
    my ($pgvector) = $list =~ /^(\d+); \d+ \d+ EXTENSION - vector\s/m;
    like($list, qr/EXTENSION - vector\s.*EXTENSION - vector_quant\s*\n;\s+depends on:[\d ]* $pgvector\b/s, "$name: extensions in the order of their dependency");
    return;
}

# Dumps the database and restores it into a new one, as a script and as an archive, and compares.
sub dump_and_restore
{
    my ($db, $name) = @_;
    my $expected = answers($db);
    is($expected, exact($db), "$name: the indexes answer as an exact scan does");
    my $definitions = q{SELECT string_agg(indexdef, E'\n' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'items'};
    for my $format (qw(plain custom))
    {
        my $file = "$folder/$db.$format";
        $node->command_ok([ 'pg_dump', '-F', $format, '-f', $file, $node->connstr($db) ], "$name: pg_dump $format");
        sql('postgres', "CREATE DATABASE ${db}_$format");
        my $target  = $node->connstr("${db}_$format");
        my @restore = $format eq 'plain' ? ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $target) :
            ('pg_restore', '--exit-on-error', '-d', $target, $file);
        $node->command_ok([@restore], "$name: restored, $format");
        is(answers("${db}_$format"), $expected, "$name: the same answers, $format");
        is(sql("${db}_$format", $definitions), sql($db, $definitions), "$name: the same indexes, $format");
        is(sql("${db}_$format", $our_types),  sql($db, $our_types),  "$name: types of the same extension, $format");
        sound("${db}_$format", "$name, $format");
    }
    # Restored twice: every object is refused, the rows by their primary key.
    my ($out, $err) = run_command([ 'pg_restore', '-d', $node->connstr("${db}_custom"), "$folder/$db.custom" ]);
    like($err, qr/already exists/, "$name: a second restore is refused, object by object");
    is(answers("${db}_custom"), $expected, "$name: and leaves the answers");
    is(sql("${db}_custom", 'SELECT count(*) FROM items'), 500, "$name: and the rows");
    sound("${db}_custom", "$name, restored twice");
    return;
}

# --- beside pgvector

for my $schema ('public', 'Extra Types')
{
    my $db   = $schema eq 'public' ? 'pgvector_public' : 'pgvector_elsewhere';
    my $name = "pgvector in $schema";
    sql('postgres', "CREATE DATABASE $db");
    sql('postgres', qq{ALTER DATABASE $db SET search_path = public, "$schema"});
    sql($db, qq{CREATE SCHEMA IF NOT EXISTS "$schema"; CREATE EXTENSION vector SCHEMA "$schema"; CREATE EXTENSION vector_quant});
    is(sql($db, $our_types), 0, "$name: no type of ours");
    is(sql($db, $our_classes), $classes, "$name: operator classes for both types");
    is(sql($db, q{SELECT count(*) FROM pg_event_trigger WHERE evtevent <> 'ddl_command_end' OR 'CREATE EXTENSION' = ANY (evttags)}), 0, "$name: no guard is needed");
    is(sql($db, q{SELECT count(*) FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod JOIN pg_depend d ON d.objid = o.oid
        JOIN pg_extension e ON e.oid = d.refobjid WHERE e.extname = 'vector_quant' AND NOT amvalidate(o.oid)}), 0,
        "$name: all are valid");
    is(sql($db, $dependency), 'n', "$name: our extension depends on it");
    sql($db, "ALTER EXTENSION vector_quant UPDATE TO 'next'");
    is(sql($db, $dependency), 'n', "$name: after an update, too");
    sql($db, "ALTER EXTENSION vector_quant UPDATE TO '$version'");
    populate($db);
    if ($schema eq 'public')
    {
        dump_and_restore($db, $name);
        created_in_order("$folder/$db.custom", $name);
    }
    else
    {
        is(answers($db), exact($db), "$name: the indexes answer as an exact scan does");
        # pg_dump speaks of the database's own search_path only with --create.
        $node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/$db.custom", $node->connstr($db) ], "$name: pg_dump");
        sql('postgres', qq{CREATE DATABASE ${db}_custom; ALTER DATABASE ${db}_custom SET search_path = public, "$schema"});
        $node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr("${db}_custom"), "$folder/$db.custom" ], "$name: restored");
        is(answers("${db}_custom"), answers($db), "$name: the same answers");
        sound("${db}_custom", $name);
    }

    # DROP EXTENSION as PostgreSQL would.
    my $complaint = refused($db, 'DROP EXTENSION vector');
    like($complaint, qr/cannot drop extension vector because other objects depend on it/, "$name: pgvector stays");
    like($complaint, qr/extension vector_quant depends on extension vector/, "$name: for our extension's sake");
    like(refused($db, 'DROP EXTENSION vector_quant'), qr/cannot drop extension vector_quant because other objects depend on it/, "$name: so do we");
    sql($db, 'SET client_min_messages = warning; DROP EXTENSION vector_quant CASCADE');
    is(sql($db, q{SELECT count(*) || ' ' || (SELECT count(*) FROM pg_indexes WHERE tablename = 'items') FROM items WHERE v IS NOT NULL}),
        '500 1', "$name: without our extension the table stays, with its primary key");
    sql($db, 'CREATE EXTENSION vector_quant');
    is(sql($db, $our_classes), $classes, "$name: the extension again");
    sql($db, 'SET client_min_messages = error; CREATE INDEX ON items USING ivf_rabitq (v); DROP EXTENSION vector CASCADE');
    is(sql($db, q{SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 0 AND NOT attisdropped}),
        'id', "$name: DROP EXTENSION vector CASCADE takes the columns");
    is(sql($db, q{SELECT count(*) FROM pg_opclass WHERE opcname ~ '^(vector|halfvec)_(l2|ip|cosine)_ops$'}), 0, "$name: and the operator classes");
    is(sql($db, q{SELECT count(*) FROM pg_extension WHERE extname ~ 'vector'}), 0, "$name: and our extension");
}

# An older pgvector without halfvec.
if (!$real) # which has scripts of its newest version only
{
    sql('postgres', 'CREATE DATABASE pgvector_old');
    sql('pgvector_old', q{CREATE EXTENSION vector VERSION '0.6.0'});
    my ($out, $err) = ('', '');
    $node->psql('pgvector_old', 'CREATE EXTENSION vector_quant', stdout => \$out, stderr => \$err);
    like($err, qr/WARNING:  pgvector 0.6.0 has no type "halfvec"\n.*\nHINT:  To have them, ALTER EXTENSION vector UPDATE/, 'pgvector without halfvec: said');
    is(sql('pgvector_old', $our_classes), $classes / 2, 'operator classes of vector');
    is(sql('pgvector_old', q{CREATE TABLE t (v vector(3)); SET client_min_messages = error; CREATE INDEX ON t USING scann (v);
        INSERT INTO t VALUES ('[1,2,3]'); SET enable_seqscan = off; SELECT v FROM t ORDER BY v <-> '[0,0,0]'}), '[1,2,3]', 'which work');
}

# --- a schema that others may write to
#
# A function that fits a call's arguments better than PostgreSQL's own would be called in its place, by the superuser who creates
# the extension or by whoever looks at its view.

sql('postgres', 'CREATE DATABASE shared_schema');
sql('shared_schema', q{
    CREATE FUNCTION public.taken(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'taken over'; END$$;
    CREATE FUNCTION public.taken(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'taken over'; END$$;
    CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.taken);
    DO $$BEGIN
        FOR n IN 2..8 LOOP
            EXECUTE pg_catalog.format('CREATE FUNCTION public.format(%s) RETURNS text LANGUAGE sql AS ''SELECT public.taken($1)''',
                array_to_string(array_fill('text'::text, ARRAY[n]), ','));
        END LOOP;
    END$$});
sql('shared_schema', 'CREATE EXTENSION vector_quant');
is(sql('shared_schema', q{SELECT count(*) FROM pg_opclass WHERE opcname ~ '^(vector|halfvec)_(l2|ip|cosine)_ops$'}), $classes,
    'functions of others in the schema: none is called by the install script');
is(sql('shared_schema', 'SELECT count(*) FROM vector_quant_indexes()'), 0, 'nor by the view');

# --- our own types

sql('postgres', 'CREATE DATABASE own');
sql('own', 'CREATE EXTENSION vector_quant');
is(sql('own', $our_types), 2, 'own types');
is(sql('own', $dependency), '', 'nothing to depend on');
populate('own');
dump_and_restore('own', 'own types');
sql('own', 'CREATE SCHEMA other');
for my $statement ('CREATE EXTENSION vector', 'CREATE EXTENSION IF NOT EXISTS vector SCHEMA other', 'SET session_replication_role = replica; CREATE EXTENSION vector')
{
    like(refused('own', $statement), qr/extension "vector" cannot be created where the types are vector_quant's own.*HINT:  To use pgvector's types/s,
        'pgvector after our types: said why');
}
# An extension that brings pgvector along, and one that does not.
for my $made_up ([ 'vq_needs_vector', "requires = 'vector'\n" ], [ 'vq_needs_nothing', '' ])
{
    my ($name, $requires) = @$made_up;
    append_to_file("$installation{sql}/$name.control", "default_version = '1'\n$requires");
    append_to_file("$installation{sql}/$name--1.sql", "CREATE FUNCTION $name() RETURNS int LANGUAGE sql AS 'SELECT 1';\n");
}
like(refused('own', 'CREATE EXTENSION vq_needs_vector SCHEMA other CASCADE'), qr/already exists|vector_quant's own/, 'by CASCADE it cannot come either');
is(sql('own', q{SELECT count(*) FROM pg_extension WHERE extname IN ('vector', 'vq_needs_vector')}), 0, 'and nothing of it stays');
is(sql('own', 'CREATE EXTENSION vq_needs_nothing SCHEMA other; DROP EXTENSION vq_needs_nothing; SELECT 1'), 1, 'other extensions come and go');
like(refused('own', 'SELECT vector_quant_guard()'), qr/trigger functions can only be called as triggers|not called by event trigger manager/, 'the guard is no function to call');
like(refused('own', 'DROP EXTENSION vector_quant'), qr/because other objects depend on it/, 'own types in use keep the extension');

# --- from our types to pgvector's and back, in place (docs/from_pgvector.md, "Moving to pgvector's types")

my $before = answers('own');
my $values = sql('own', q{SELECT md5(string_agg(v::text || h::text, ',' ORDER BY id)) FROM items});
for my $way ([ 'vector', 'CREATE EXTENSION vector; CREATE EXTENSION vector_quant' ], [ 'vector_quant', 'DROP EXTENSION vector; CREATE EXTENSION vector_quant' ])
{
    my ($owner, $change) = @$way;
    my $drop = join ';', map { "DROP INDEX v_$_, h_$_" } access_methods();
    my $make = join ';', map { "CREATE INDEX v_$_ ON items USING $_ (v); CREATE INDEX h_$_ ON items USING $_ (h halfvec_cosine_ops) WITH (nlist = 5)" } access_methods();
    sql('own', qq{
        BEGIN;
        SET LOCAL client_min_messages = error;
        $drop;
        ALTER TABLE items ALTER COLUMN v TYPE real[], ALTER COLUMN h TYPE real[];
        DROP EXTENSION vector_quant;
        $change;
        ALTER TABLE items ALTER COLUMN v TYPE vector(8), ALTER COLUMN h TYPE halfvec(8);
        $make;
        COMMIT});
    is(sql('own', q{SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_type'::regclass AND d.objid = 'vector'::regtype AND d.deptype = 'e'}), $owner, "moved: the types are ${owner}'s");
    is(answers('own'), $before, 'the same answers');
    is(sql('own', q{SELECT md5(string_agg(v::text || h::text, ',' ORDER BY id)) FROM items}), $values, 'the same values');
    sound('own', "moved to $owner");
}

# By dump: what was dumped with our types goes into a database with pgvector's, and the other way round.
for my $way ([ 'own', 'CREATE EXTENSION vector; CREATE EXTENSION vector_quant', 0 ], [ 'pgvector_public_plain', 'CREATE EXTENSION vector_quant', 1 ])
{
    my ($from, $prepare, $complaints) = @$way;
    sql('postgres', "CREATE DATABASE ${from}_moved");
    sql("${from}_moved", $prepare);
    $node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/moved", $node->connstr($from) ], "dump of $from");
    my ($out, $err) = run_command([ 'pg_restore', '-d', $node->connstr("${from}_moved"), "$folder/moved" ]);
    like($err, $complaints ? qr/extension "vector" cannot be created where/ : qr/^$/, "restored beside the other types: " . ($complaints ? 'one complaint' : 'no complaint'));
    is(answers("${from}_moved"), answers($from), 'the same answers');
    is(sql("${from}_moved", 'SELECT count(*) FROM items'), 500, 'the same rows');
    sound("${from}_moved", "dump of $from");
}

# --- an index of pgvector's and ours on one column

if ($real) # the stand-in has no access methods
{
    sql('postgres', 'CREATE DATABASE side');
    sql('side', q{CREATE EXTENSION vector; CREATE EXTENSION vector_quant;
        CREATE TABLE items (id int PRIMARY KEY, v vector(8));
        INSERT INTO items SELECT i, (SELECT array_agg(sin(i * 12.9898 + d * i::float8 * i * 78.233) ORDER BY d) FROM generate_series(1, 8) d)::real[]::vector FROM generate_series(1, 20000) i;
        CREATE INDEX by_hnsw ON items USING hnsw (v vector_l2_ops);
        CREATE INDEX by_rabitq ON items USING ivf_rabitq (v vector_l2_ops);
        ANALYZE items});
    my $query = q{EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 10};
    my ($cheap, $dear) = ('SET hnsw.ef_search = 1; SET ivf_rabitq.nprobe = 65536;', 'SET hnsw.ef_search = 1000; SET ivf_rabitq.nprobe = 1;');
    like(sql('side', "$cheap $query"), qr/Index Scan using by_hnsw/,   'side by side: hnsw where it costs less');
    like(sql('side', "$dear $query"),  qr/Index Scan using by_rabitq/, 'ours where it does');
    sql('side', 'DELETE FROM items WHERE id % 3 = 0; INSERT INTO items SELECT -id, v FROM items WHERE id % 5 = 1; VACUUM items');
    is(sql('side', "SELECT vector_quant_index_check('by_rabitq', true)"), '', 'both are maintained');
    my $ids = "SELECT string_agg(id::text, ',') FROM (SELECT id FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]', id LIMIT 10) s";
    is(sql('side', "$dear SET enable_seqscan = off; $ids"), sql('side', "SET enable_indexscan = off; $ids"), 'and ours answers right');
}

ok(!crashed($node), 'no server process died');
done_testing();
