# pgvector's Python driver works with our types. The interpreter is VQ_PYTHON, or python3; it must have numpy,
# pgvector and psycopg.

use strict;
use warnings;

use File::Basename;
use IPC::Run qw(run);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $python = $ENV{VQ_PYTHON} || 'python3';

# A skipped test would look like a passed one.
my $missing = '';
if (!eval { run([ $python, '-c', 'import numpy, psycopg, pgvector.psycopg' ], '2>', \$missing) })
{
    fail("$python has numpy, pgvector and psycopg[binary]; name another interpreter in VQ_PYTHON");
    diag($missing || $@);
    done_testing();
    exit;
}

my $node = PostgreSQL::Test::Cluster->new('python');
$node->init;
$node->start;

my ($out, $err) = ('', '');
my @command = ($python, dirname(__FILE__) . '/vector_python.py', $node->connstr('postgres'));
my $ok = run(\@command, '>', \$out, '2>', \$err);
ok($ok, 'driver script finished') or diag($err);
is($out, <<'EOT', 'every check was made');
vector: text round trip
vector: binary round trip
vector: COPY BINARY both ways
vector: nearest ten, binary=False
vector: nearest ten, binary=True
vector: wrong dimensions are refused
halfvec: text round trip
halfvec: binary round trip
halfvec: COPY BINARY both ways
halfvec: nearest ten, binary=False
halfvec: nearest ten, binary=True
halfvec: wrong dimensions are refused
EOT

$node->stop;
done_testing();
