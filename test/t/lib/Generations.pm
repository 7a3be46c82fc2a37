# What the tests of generations share: an index that is trained anew at a stage that a test waits for, and a session that writes meanwhile.
# Rows are those of the table vectors.
package Generations;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use VectorQuant;

our @EXPORT = qw(begin_generations go_on_with sql put stat_of is_trained messages log_size untrained start_psql start_writer stop_writer
  wait_for_stage at_stage is_whole vacuum_trains stages);

my ($node, $dims, $query);
my $limit = $PostgreSQL::Test::Utils::timeout_default;

# All that follows is about this server. Returns a point near the rows.
sub begin_generations
{
    ($node, $dims) = @_;
    sql("CREATE SEQUENCE s START 1000000;
        CREATE TABLE vectors AS SELECT id, vq_row(id, $dims) AS v FROM generate_series(1, 6000) id; CREATE UNIQUE INDEX ON vectors (id)");
    return $query = query_vector($node, $dims, 1);
}

sub go_on_with { ($node) = @_; return; }

# In the order of a run.
sub stages { return qw(sampled trained written named collected encoded loading loaded calibrated switched); }

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub put { my ($table, $first, $last) = @_; return sql("INSERT INTO $table SELECT * FROM vectors WHERE id BETWEEN $first AND $last"); }
sub stat_of { return sql("SELECT $_[1] FROM vector_quant_index_stats('$_[0]_v')"); }
sub is_trained { my ($table, $name) = @_; return is(stat_of($table, 'trained AND lists > 1'), 't', $name); }

# Errors and warnings of a statement.
sub messages
{
    my ($sql) = @_;
    my ($out, $err) = ('', '');
    $node->psql('postgres', $sql, stdout => \$out, stderr => \$err);
    return $err;
}

sub log_size { return -s $node->logfile; }

# An index that was built without rows and has $rows now.
sub untrained
{
    my ($table, $am, $rows, %option) = @_;
    new_table($node, $table, $dims, 0, am => $am, %option);
    put($table, 1, $rows);
    return $table;
}

# A psql that runs the statements, one after the other.
sub start_psql
{
    my ($said, @statements) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir() . '/script.sql';
    append_to_file($file, join("\n", @statements, ''));
    return IPC::Run::start([ 'psql', '-qXAt', '-d', $node->connstr('postgres'), '-f', $file ], '>', \my $out, '2>', $said);
}

# Rows come, change and go in the tables until stop_writer.
sub start_writer
{
    my (@tables) = @_;
    my $work = join('', map { "INSERT INTO $_ SELECT n, v FROM (SELECT nextval('s') n FROM generate_series(1, 3)) g, vectors WHERE id = 1 + n % 6000;
        UPDATE $_ SET v = (SELECT v FROM vectors WHERE id = 7) WHERE id = 1 + (random() * 900)::int;
        DELETE FROM $_ WHERE id = (SELECT last_value - 30 FROM s);\n" } @tables);
    my $said = '';
    local $ENV{PGAPPNAME} = 'writer';
    return { said => \$said, psql => start_psql(\$said, ($work) x 2000) };
}

sub stop_writer
{
    my ($writer, $name) = @_;
    $writer->{psql}->kill_kill;
    $node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'writer'") or die;
    return is(${ $writer->{said} }, '', "$name: the writer saw no error");
}

# The process whose line in the log says that a run for the table's index has come to the stage, as soon as there is one; 0 if the
# statement ends without one.
sub wait_for_stage
{
    my ($table, $stage, $from, $psql) = @_;
    open(my $log, '<', $node->logfile) or die $!;
    seek($log, $from, 0);
    my ($line, $ended) = ('', 0);
    for (my $end = time + $limit; time < $end;)
    {
        my $more = <$log>;
        if (defined $more)
        {
            $line .= $more;
            next unless $line =~ /\n$/;
            return $1 if $line =~ /\[(\d+)\].*: +index "${table}_v": next generation: $stage$/;
            $line = '';
            next;
        }
        return 0 if $ended;
        $ended = !$psql->pumpable || !$psql->pump_nb if $psql;
        seek($log, 0, 1); # past the end of file
        usleep(20);
    }
    die "$table never came to the stage $stage";
}

# Runs the statement, or several, slowly, in a session of its own and calls $then with its process at that stage. Returns what the session said.
sub at_stage
{
    my ($table, $stage, $sql, $then, $settings) = @_;
    my $from = log_size();
    my $said = '';
    $settings //= '-c vacuum_cost_delay=1 -c vacuum_cost_limit=40';
    local $ENV{PGOPTIONS} = "-c log_min_messages=debug1 $settings";
    my @commands = map { ('-c', $_) } ref $sql ? @$sql : $sql;
    my $psql = IPC::Run::start([ 'psql', '-qXAt', '-d', $node->connstr('postgres'), @commands ], '>', \my $out, '2>', \$said);
    my $pid = wait_for_stage($table, $stage, $from, $psql);
    delete local $ENV{PGOPTIONS};
    $then->($pid) if $pid;
    $psql->finish;
    ok($pid, "$table: came to the stage $stage") or diag($said);
    return $said;
}

# Passes if the index's pages are sound and it has every row once. Other than is_complete it does not count what comes in strict order, which is
# fewer rows where many are equal, as the writer makes them.
sub is_whole
{
    my ($table, $name, $op, $on) = @_;
    $on //= $node;
    my ($out, $err) = ('', '');
    $on->psql('postgres', qq{SET client_min_messages = warning;
        SELECT vector_quant_index_check(index, true) FROM vector_quant_indexes() WHERE "table" = '$table'::regclass}, stdout => \$out, stderr => \$err);
    is($err, '', "$name: vector_quant_index_check");
    my $rows = $on->safe_psql('postgres', "SELECT count(*) FROM $table");
    return is(rows_through_index($on, $table, $query, $op), "$rows|$rows|0|0", "$name: every row once through the index");
}

# VACUUM trains the table's index, finds the pages that an earlier run has left, and the index is as large as it has to be.
sub vacuum_trains
{
    my ($table, $name) = @_;
    is(messages("VACUUM $table"), '', "$name: VACUUM says nothing");
    is_trained($table, "$name: trained by VACUUM");
    is(stat_of($table, 'lost_bytes'), 0, "$name: no page is lost");
    is_whole($table, "$name, trained");
    return;
}

1;
