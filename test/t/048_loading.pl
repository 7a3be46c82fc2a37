# Files of vectors are loaded right or refused in one clear line: every format, the metric and neighbours of benchmark sets, and tables. The
# checks are in loading_files.py, loading_recall.py and loading_tables.py; the commands of docs/loading.md run, too. The interpreter is
# VQ_PYTHON, or python3; it must have numpy, psycopg, tqdm, h5py and pyarrow.

use strict;
use warnings;

use File::Basename;
use IPC::Run qw(run);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $python = $ENV{VQ_PYTHON} || 'python3';
my $here = dirname(__FILE__);

# A skipped test would look like a passed one.
my $missing = '';
if (!eval { run([ $python, '-c', 'import numpy, psycopg, tqdm, h5py, pyarrow' ], '2>', \$missing) })
{
    fail("$python has numpy, psycopg, tqdm, h5py and pyarrow; name another interpreter in VQ_PYTHON");
    diag($missing || $@);
    done_testing();
    exit;
}

# A script's lines `ok NAME` and `not ok NAME: why` as checks of this file; the last line is `finished`.
sub checks
{
    my ($script, @arguments) = @_;
    my ($out, $err) = ('', '');
    local $ENV{OPENBLAS_NUM_THREADS} = 1;
    run([ $python, "$here/$script.py", @arguments ], '>', \$out, '2>', \$err);
    for my $line (split /\n/, $out)
    {
        my ($not, $text) = $line =~ /^(not )?ok (.*)/ or next;
        ok(!$not, "$script: $text");
    }
    like($out, qr/^finished$/m, "$script finished") or diag($err);
}

# Code blocks' lines of a document that begin so.
sub commands
{
    my ($file, $begin) = @_;
    my $text = slurp_file($file);
    return grep { /^\Q$begin\E/ } map { split /\n/ } $text =~ /^```\w*\n(.*?)^```/msg;
}

my $files = PostgreSQL::Test::Utils::tempdir();
checks('loading_files', $files);
checks('loading_recall', PostgreSQL::Test::Utils::tempdir());

my $node = PostgreSQL::Test::Cluster->new('loading');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vector_quant');
checks('loading_tables', $node->connstr('postgres'), PostgreSQL::Test::Utils::tempdir());

# The commands of the document, on files of the names that it uses, in a database of its own.
$node->safe_psql('postgres', 'CREATE DATABASE mydb');
$node->safe_psql('mydb', 'CREATE EXTENSION vector_quant');
my @commands = commands("$here/../../docs/loading.md", 'bash tools/load.sh');
cmp_ok(scalar(@commands), '>=', 3, 'docs/loading.md has commands');
for my $command (@commands)
{
    my ($out, $err) = ('', '');
    local %ENV = (%ENV, VQ_PYTHON => $python, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'mydb');
    (my $line = $command) =~ s{tools/load\.sh}{"\$TOOL"};
    $ENV{TOOL} = "$here/../../tools/load.sh";
    ok(run([ 'bash', '-c', "cd '$files' && $line" ], '>', \$out, '2>', \$err), $command) or diag($err);
    like($out, qr/^(usage|[a-z]+: [0-9,]+ rows of \d+ dimensions in)/, 'and says what it did');
}

$node->stop;
done_testing();
