# From one version to the next, and library and SQL objects of different versions: what there was keeps working with a newer
# library, an older one refuses at once and says what to do, and nothing is lost.
#
# The next version is made up: the script of this one and one more function, and this library under another number.
# All of it happens in a copy of the PostgreSQL installation.

use strict;
use warnings;

use File::Copy;
use FindBin;
use lib "$FindBin::Bin/lib";
use Installation;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my %installation = copy_installation();
my ($sql, $library) = @installation{qw(sql library)};

my ($now) = slurp_file("$sql/vector_quant.control") =~ /^default_version = '([\d.]+)'/m;
my $next = $now =~ s/(\d)$/($1 + 1) % 10/er;
my $script  = slurp_file("$sql/vector_quant--$now.sql");
my $code    = slurp_file($library);
my ($start) = $script =~ /^(.*?DROP FUNCTION vector_quant_depend_on_pgvector\(\);)/s;
my $more    = "\nCREATE FUNCTION vector_quant_news() RETURNS text AS 'MODULE_PATHNAME', 'vq_simd' LANGUAGE C;\n"
  . "COMMENT ON FUNCTION vector_quant_news() IS 'made up';\n";
isnt($start, undef, 'the install script asks for a library that is new enough first');
isnt($code =~ s/(?<![\d.])\Q$now\E\0/$next\0/gr, $code, 'the library names its version');

# Never in place: running sessions have the old file mapped. As package managers do.
sub put
{
    my ($path, $bytes) = @_;
    append_to_file("$path.new", $bytes);
    rename("$path.new", $path) or die "$path: $!";
    return;
}

sub install_library
{
    my ($version) = @_;
    put($library, $code =~ s/(?<![\d.])\Q$now\E\0/$version\0/gr);
    return;
}

sub install_next_scripts
{
    put("$sql/vector_quant--$now--$next.sql", $start . $more);
    put("$sql/vector_quant--$next.sql",       $script . $more);
    put("$sql/vector_quant.control",
        slurp_file("$sql/vector_quant.control") =~ s/^(default_version = )'[\d.]+'/$1'$next'/mr);
    return;
}

my $node = start_node(PostgreSQL::Test::Cluster->new('upgrade', install_path => $installation{install_path}));
my ($dims, $rows) = (12, 400);
my $query = query_vector($node, $dims, 1);
my @am    = access_methods();
new_table($node, $_, $dims, $rows, am => $_) for @am;

sub version { return $node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'vector_quant'"); }

sub answers { return join(' ', map { nearest($node, $_, $query, '<->', 10, 1) } @am); }

# stdout and stderr of statements in one session; errors do not end it.
sub session
{
    my ($statements, $database) = @_;
    my ($out, $err) = ('', '');
    $node->psql($database // 'postgres', $statements, stdout => \$out, stderr => \$err, on_error_stop => 0);
    return ($out, $err);
}

# Passes if an older library was refused as it should be.
sub is_refused
{
    my ($err, $name) = @_;
    like($err, qr/ERROR:  extension "vector_quant" version \Q$next\E needs a library of that version or newer, this session has version \Q$now\E/, $name);
    return like($err, qr/HINT:  Install the files of vector_quant \Q$next\E on this server and reconnect\./, "$name: hint");
}

# Everything that belongs to the extension, with functions' definitions and comments.
sub objects
{
    my ($database) = @_;
    return $node->safe_psql($database, q{
        SELECT pg_describe_object(classid, objid, 0), obj_description(objid, classid::regclass::name),
            CASE WHEN classid = 'pg_proc'::regclass AND prokind = 'f' THEN pg_get_functiondef(objid) END
        FROM pg_depend LEFT JOIN pg_proc p ON p.oid = objid AND classid = 'pg_proc'::regclass
        WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector_quant') ORDER BY 1});
}

# Installs a version in a database of its own and updates it; passes if all is as in a fresh installation.
sub updates_to_fresh
{
    my ($from) = @_;
    my $database = "from_$from" =~ s/\W/_/gr;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, "CREATE EXTENSION vector_quant VERSION '$from'");
    $node->safe_psql($database, 'ALTER EXTENSION vector_quant UPDATE');
    return is(objects($database), objects('fresh'), "$from updated is as if installed afresh");
}

my $before = answers();

# --- files replaced while a session has the old library

put("$library.next", $code =~ s/(?<![\d.])\Q$now\E\0/$next\0/gr);
install_next_scripts();
my ($out, $err) = session(qq{SELECT vector_quant_simd() IS NOT NULL;
\\! mv $library.next $library
ALTER EXTENSION vector_quant UPDATE;
CREATE DATABASE beside;
SELECT extversion FROM pg_extension WHERE extname = 'vector_quant';
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT 1 FROM $am[0] ORDER BY v <-> $query LIMIT 10) n;});
is_refused($err, 'update in a session with the old library');
is($out, "t\n$now\n10", 'such a session works on');

# --- a newer library, objects not updated yet

is(version(), $now, 'objects are of the old version');
is(answers(), $before, 'newer library: the same answers');
for my $am (@am)
{
    fill($node, $am, $dims, $rows + 1, $rows + 50);
    $node->safe_psql('postgres', "DELETE FROM $am WHERE id % 7 = 0; VACUUM $am");
    is_complete($node, $am, $query, "newer library, $am after insert and VACUUM");
}
$before = answers();

# --- update

$node->safe_psql('postgres', 'ALTER EXTENSION vector_quant UPDATE');
is(version(), $next, 'updated');
is($node->safe_psql('postgres', 'SELECT vector_quant_news() = vector_quant_simd()'), 't', 'new function');
is(answers(), $before, 'updated: the same answers');
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh',    'CREATE EXTENSION vector_quant');
is($node->safe_psql('fresh', 'SELECT vector_quant_news() IS NOT NULL'), 't', 'fresh installation of the next version');
like(objects('fresh'), qr/function vector_quant_news\(\)\|made up/, 'objects are compared with definition and comment');
updates_to_fresh($now);
# Released versions; their scripts are not installed any more.
for my $released (glob("$FindBin::Bin/../upgrade/vector_quant--*.sql"))
{
    my ($version) = $released =~ /--([\d.]+)\.sql$/;
    next if $version eq $now;
    copy($released, $sql) or die "$released: $!";
    updates_to_fresh($version);
}

# --- an older library

install_library($now);
my $scan = "SET enable_seqscan = off; SELECT id FROM $am[0] ORDER BY v <-> $query LIMIT 10";
my %statement = ('a scan' => $scan, 'the type' => "SELECT v FROM $am[0] LIMIT 1", VACUUM => "VACUUM $am[0]",
    'an insert' => "INSERT INTO $am[0] SELECT id + 10000, v FROM $am[0] LIMIT 1", 'a new function' => 'SELECT vector_quant_news()');
for my $name (sort keys %statement)
{
    ($out, $err) = session($statement{$name});
    is_refused($err, "older library: $name");
    is($out, '', "older library: $name gives no rows");
}
($out, $err) = session('CREATE EXTENSION vector_quant', 'beside');
is_refused($err, 'older library: fresh installation');
is($node->safe_psql('beside', "SELECT count(*) FROM pg_proc WHERE proname LIKE 'vector%'"), 0, 'older library: nothing is left of it');
$node->safe_psql('beside', "CREATE EXTENSION vector_quant VERSION '$now'");
is($node->safe_psql('beside', 'SELECT vector_quant_simd() IS NOT NULL'), 't', 'older library: its own version can be installed');

# Preloaded, it does not keep anybody from connecting; indexes are refused all the same.
$node->safe_psql('postgres', "ALTER ROLE CURRENT_USER SET session_preload_libraries = 'vector_quant'");
($out, $err) = session("SELECT 1; $scan");
is_refused($err, 'older library, preloaded: a scan');
is($out, 1, 'older library, preloaded: connects');
$node->safe_psql('postgres', 'ALTER ROLE CURRENT_USER RESET session_preload_libraries');

install_library($next);
is(answers(), $before, 'the library is back: the same answers');
is_complete($node, $_, $query, "the library is back, $_") for @am;
ok(!crashed($node), 'no crash');
done_testing();
