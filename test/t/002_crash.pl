# After an immediate stop and recovery the index holds exactly the rows of the table.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 48;
my $node  = new_node('crash', 'checkpoint_timeout = 1h', 'shared_buffers = 2MB');
my $query = query_vector($node, $dims, 1);
my @tables = map { ("plain_$_", "fine_$_") } access_methods();

sub crash_and_look
{
    my ($step) = @_;
    $node->stop('immediate');
    $node->start;
    is_complete($node, $_, $query, "$step, $_") for @tables;
}

# Runs the statements again and again; stops the server when so many rows of each access method have been inserted.
sub crash_during
{
    my ($step, $rows, $sql) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir() . '/script.sql';
    append_to_file($file, "$sql\n" x 500);
    my ($out, $err) = ('', '');
    my @psql = ('psql', '-qXAt', '-d', $node->connstr('postgres'), '-f', $file);
    my $psql = IPC::Run::start(\@psql, '>', \$out, '2>', \$err);
    my $goal = $rows * access_methods() + $node->safe_psql('postgres', 'SELECT last_value FROM s');
    $node->poll_query_until('postgres', "SELECT last_value >= $goal FROM s") or die "$step: no progress";
    $node->stop('immediate');
    $psql->finish;
    unlike($err, qr/ERROR:/, "$step: no error before the stop");
    $node->start;
    is_complete($node, $_, $query, "$step, $_") for @tables;
}

for my $am (access_methods())
{
    new_table($node, "plain_$am", $dims, 2000, am => $am, with => 'nlist = 16');
    new_table($node, "fine_$am", $dims, 2000, am => $am, with => 'nlist = 16, refine = true, ' . variant($am, 1));
}
crash_and_look('build');

$node->safe_psql('postgres', 'CREATE SEQUENCE s START 1000000');
my $insert = join('', map { "INSERT INTO $_ SELECT n, vq_row(n, $dims) FROM (SELECT nextval('s') n FROM generate_series(1, 40)) g;" }
    @tables);
for my $round (1 .. 4)
{
    crash_during("insert $round", 150 * $round * $round, $insert);
    $node->safe_psql('postgres', 'CHECKPOINT') if $round == 2;
}

$node->safe_psql('postgres', "DELETE FROM $_ WHERE id % 3 = 0; VACUUM $_") for @tables;
crash_and_look('delete and vacuum');

for my $round (1 .. 3)
{
    crash_during("vacuum $round", 200 * $round,
        $insert . join('', map { "DELETE FROM $_ WHERE id % 7 = random()::int; VACUUM $_;" } @tables));
}

fill($node, $_, $dims, 500001, 500500) for @tables;
crash_and_look('insert after recovery');

$node->safe_psql('postgres', "REINDEX INDEX ${_}_v") for @tables;
crash_and_look('reindex');

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
