# Files of vectors are loaded right or refused in one clear line: every format, the metric and neighbours of benchmark sets. The checks are in
# loading_files.py and loading_recall.py. The interpreter is VQ_PYTHON, or python3; it must have numpy, psycopg, tqdm, h5py and pyarrow.

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

my $files = PostgreSQL::Test::Utils::tempdir();
checks('loading_files', $files);
checks('loading_recall', PostgreSQL::Test::Utils::tempdir());

done_testing();
