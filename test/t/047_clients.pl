# Programs of docs/clients.md print what the document says, with an index of ours: those of the Python drivers, which need nothing but packages that other
# tests take, too; test/clients/run.sh runs all. The document and that script know the same clients and versions. The
# interpreter is VQ_PYTHON, or python3; it must have asyncpg, numpy, pgvector, psycopg and sqlalchemy.

use strict;
use warnings;

use File::Basename;
use IPC::Run qw(run);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $python = $ENV{VQ_PYTHON} || 'python3';
my $clients = dirname(__FILE__) . '/../clients';
my $document = slurp_file(dirname(__FILE__) . '/../../docs/clients.md');

# A skipped test would look like a passed one.
my $missing = '';
if (!eval { run([ $python, '-c', 'import asyncpg, numpy, pgvector, psycopg, sqlalchemy' ], '2>', \$missing) })
{
    fail("$python has asyncpg, numpy, pgvector, psycopg and sqlalchemy; name another interpreter in VQ_PYTHON");
    diag($missing || $@);
    done_testing();
    exit;
}

my $node = PostgreSQL::Test::Cluster->new('clients');
$node->init;
$node->append_conf('postgresql.conf', "enable_seqscan = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');

for my $name ('psycopg', 'asyncpg', 'sqlalchemy')
{
    my $folder = PostgreSQL::Test::Utils::tempdir();
    my ($expected, $actual, $err) = ('', '', '');
    run([ 'bash', "$clients/blocks.sh", $name, $folder ], '>', \$expected);
    isnt($expected, '', "$name: the document says what it prints");
    $node->safe_psql('postgres', "CREATE DATABASE $name OWNER app");
    $node->safe_psql($name, 'CREATE EXTENSION vector_quant');
    local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => 'app', PGDATABASE => $name);
    ok(run([ $python, "$folder/main.py" ], '>', \$actual, '2>', \$err), "$name: runs") or diag($err);
    is($actual, $expected, "$name: prints what the document says");
    ok($node->poll_query_until($name, q{SELECT sum(idx_scan) > 0 FROM pg_stat_user_indexes s JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam
        WHERE amname = 'scann'}), "$name: by the index");
}

# What test/clients/pins has, the document has, in the version of its first package; and the other way around.
my %shown = map { $_ => 1 } map { split /,/ } $document =~ /^<!-- client (\S+) /mg;
for my $pin (grep { /^\w/ } split /\n/, slurp_file("$clients/pins"))
{
    my ($name, $language, $types, $package) = split / /, $pin;
    my ($version) = $package =~ /[=\@:v](\d[\d.]*)(?:\+|$)/;
    ok(delete $shown{$name} && -e "$clients/$language.sh", "$name is in the document, and its language has a script");
    my $row = $name =~ s/-own$//r;
    like($document, qr/^\| \[\Q$row\E\]\(#\Q$row\E\) \| \Q$version\E \|/mi, "$name: the document's table has its version, $version");
}
is(join(' ', sort keys %shown), '', 'test/clients/pins has all clients of the document');

$node->stop;
done_testing();
