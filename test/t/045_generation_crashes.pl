# Whatever stage of training anew a crash, a cancel, a session's end or DDL falls into, with sessions that write all the time: the index
# holds each row once, VACUUM trains it, and no page is lost.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;
use Generations;

my $dims = 64;
my $node = new_node('generation_crashes', 'restart_after_crash = on', 'checkpoint_timeout = 1h', 'deadlock_timeout = 100ms',
    'shared_buffers = 32MB');
begin_generations($node, $dims);
my @ams = access_methods();
my @stages = stages();

# --- crashes

# The last stage that a process has come to.
sub last_stage
{
    my ($pid, $from) = @_;
    return (slurp_file($node->logfile, $from) =~ /\[$pid\].*next generation: (\w+)$/mg)[-1];
}

my @tables = map { "items_$_" } @ams;
untrained("items_$ams[$_]", $ams[$_], 1200, with => "refine = true, refine_type = 'FP32', " . variant($ams[$_], 1)) for 0 .. $#ams;

# Kills the session that runs VACUUM at that stage, while tables are written to and others are vacuumed. Returns the stage that it died in.
sub crash_at
{
    my ($table, $stage, $name, @others) = @_;
    my $from = log_size();
    my $writer = start_writer(@tables);
    my @vacuums = map { my $said = ''; start_psql(\$said, "VACUUM $_;") } @others;
    my $killed;
    # The session is there to be killed even if VACUUM was done before the signal came.
    my $said = at_stage($table, $stage, [ "VACUUM $table", 'SELECT pg_sleep(180)' ], sub { kill('KILL', $killed = $_[0]); });
    like($said, qr/server closed the connection unexpectedly/, "$name: killed");
    $_->finish for @vacuums, $writer->{psql};
    $node->wait_for_log(qr/all server processes terminated; reinitializing/, $from);
    wait_for_recovery($node) or die "$name: no recovery";
    return last_stage($killed, $from);
}


my %died;
for my $i (0 .. $#stages)
{
    my $table = $tables[ $i % @tables ];
    my $name = "killed when $stages[$i]";
    if ($i % 2 == 0) # built without rows, else grown
    {
        sql("TRUNCATE $_") for @tables;
        put($_, 1, 1200) for @tables;
    }
    else
    {
        sql("INSERT INTO $_ SELECT nextval('s'), v FROM vectors WHERE id <= 2000") for @tables;
    }
    my $died = crash_at($table, $stages[$i], "$name, $table", grep { $_ ne $table } @tables);
    note("$name, $table: died when $died");
    $died{$died} = 1;
    for my $each (@tables)
    {
        is_whole($each, "$name, $each");
        sql("INSERT INTO $each SELECT nextval('s'), v FROM vectors WHERE id <= 20");
        vacuum_trains($each, "$name, $each");
        sql("VACUUM $each");
        my ($bytes, $used) = split(/\|/, stat_of($each, 'bytes / 8192, (bytes - free_bytes) / 8192'));
        note("$name, $each: $bytes pages, $used in use");
        cmp_ok($bytes, '<=', 4 * $used, "$name, $each: no larger than it has to be");
    }
}
cmp_ok(scalar(keys %died), '>=', 5, 'they died when ' . join(', ', sort keys %died));

# Again and again, so that each run finds what the one before has left.
for my $table (@tables)
{
    sql("TRUNCATE $table");
    put($table, 1, 3000);
    my (@pages, $late);
    while (@pages < 4)
    {
        my $name = "killed again, $table, " . (@pages + 1);
        my $died = crash_at($table, 'loaded', $name);
        push @pages, stat_of($table, 'bytes / 8192');
        is_whole($table, $name);
        next if $died ne 'switched' || ++$late > 20;
        sql("TRUNCATE $table"); # the signal came when all was done: from the beginning
        put($table, 1, 3000);
        @pages = ();
    }
    note("$table: @pages pages after each crash");
    cmp_ok($pages[3], '<=', 1.3 * $pages[1], "$table: pages that a run has lost serve the next one");
    vacuum_trains($table, "killed again, $table");
}

# --- names left behind

# Pages that the index has beside its own and those that are free.
sub others { return stat_of($_[0], 'bytes - fixed_bytes - tile_bytes - open_bytes - fine_bytes - sublist_bytes - free_bytes'); }

# A run dies, and nobody has written to the table since: the index has the name of a generation that nobody makes. Others commit, so that
# the name is in the log on disk.
sql("CREATE TABLE plain (id bigint, v vector($dims))");
sub orphan
{
    my ($table, $signal, $name) = @_;
    my $from = log_size();
    sql("TRUNCATE $table");
    put($table, 1, 1200);
    my $writer = start_writer('plain');
    at_stage($table, 'encoded', "VACUUM $table", sub { kill($signal, $_[0]); });
    stop_writer($writer, $name) if $signal ne 'KILL';
    if ($signal eq 'KILL')
    {
        $node->wait_for_log(qr/all server processes terminated; reinitializing/, $from);
        wait_for_recovery($node) or die "$name: no recovery";
    }
    cmp_ok(others($table), '>', 0, "$name: a generation is there");
    is(stat_of($table, 'trained, lost_bytes'), 'f|0', "$name: and has its name");
    return is_whole($table, $name);
}

for my $i (0 .. $#ams)
{
    my $table = $tables[$i];
    my $signal = $i % 2 ? 'TERM' : 'KILL';
    my $name = "orphan, $table, $signal";
    orphan($table, $signal, "$name, INSERT");
    sql("INSERT INTO $table SELECT nextval('s'), v FROM vectors WHERE id = 1");
    cmp_ok(stat_of($table, 'lost_bytes'), '>', 0, "$name: forgotten by an INSERT");
    is_whole($table, "$name, after an INSERT");
    vacuum_trains($table, "$name, INSERT");

    orphan($table, $signal, "$name, VACUUM");
    sql("ALTER INDEX ${table}_v SET (auto_maintenance = off); VACUUM $table");
    is(others($table), 0, "$name: forgotten by a VACUUM that does not train");
    is(stat_of($table, 'trained, lost_bytes'), 'f|0', "$name: its pages are free");
    sql("ALTER INDEX ${table}_v RESET (auto_maintenance)");

    orphan($table, $signal, "$name, vector_quant_maintain");
    is(sql("SELECT done FROM vector_quant_maintain('${table}_v')"), 't', "$name: vector_quant_maintain goes by it");
    is_whole($table, "$name, vector_quant_maintain");
}

# --- cancel

for my $i (0 .. $#stages)
{
    my $table = $tables[ $i % @tables ];
    my ($signal, $error) = $i % 3 == 2 ? ('TERM', 'terminating connection') : ('INT', 'canceling statement due to user request');
    my $name = "$error when $stages[$i]";
    my $command = $i % 2 ? "VACUUM $table" : "SELECT vector_quant_maintain('${table}_v')";
    my $said = '';
    for (my $try = 1; $try <= 5 && $said !~ /$error/; $try++) # again where all was done before the signal came
    {
        sql("TRUNCATE $table");
        put($table, 1, 1200);
        my $writer = start_writer($table);
        $said = at_stage($table, $stages[$i], $command, sub { kill($signal, $_[0]); });
        stop_writer($writer, $name);
    }
    if ($stages[$i] !~ /calibrated|switched/) { like($said, qr/$error/, "$name: the error"); }
    # From there to the end it is a moment, and the signal may come too late.
    else { ok($said =~ /$error/ || stat_of($table, 'trained') eq 't', "$name: the error, or it was done before") or diag($said); }
    is(stat_of($table, 'trained'), 'f', "$name: untrained as before") if $i < 6;
    is_whole($table, $name);
    vacuum_trains($table, $name);
}

# --- DDL

# What it leaves: an index that has its rows, or none.
my @ddl = (
    'REINDEX INDEX CONCURRENTLY TABLE_v', 'CREATE INDEX CONCURRENTLY TABLE_w ON TABLE USING AM (v vector_cosine_ops)', 'REINDEX TABLE TABLE',
    'ALTER INDEX TABLE_v SET (nprobe = 5)', 'VACUUM FULL TABLE', 'CLUSTER TABLE USING TABLE_pkey', 'TRUNCATE TABLE', 'VACUUM TABLE',
    q{SELECT vector_quant_maintain('TABLE_v')}, 'ALTER TABLE TABLE ALTER COLUMN id TYPE numeric', 'DROP INDEX TABLE_v', 'DROP TABLE TABLE');
for my $i (0 .. $#ddl)
{
    my $am = $ams[ $i % @ams ];
    my $table = untrained("ddl_$i", $am, 1200);
    (my $ddl = $ddl[$i]) =~ s/\bAM\b/$am/;
    $ddl =~ s/TABLE(?=_|$| USING| ALTER)/$table/g;
    my $stage = $stages[ 3 + $i % 5 ];
    my $name = "$ddl when $stage";
    my $writer = start_writer($table);
    my $ddl_said;
    my $said = at_stage($table, $stage, "VACUUM $table", sub { $ddl_said = messages("SET client_min_messages = warning; $ddl"); });
    is($ddl_said, '', "$name: goes through");
    is($said, '', "$name: VACUUM, too");
    if ($ddl =~ /^DROP TABLE/)
    {
        $writer->{psql}->kill_kill;
        next;
    }
    stop_writer($writer, $name);
    is_whole($table, $name);
    is_whole($table, "$name, cosine", '<=>') if $ddl =~ /^CREATE/;
    put($table, 1, 1200) if $ddl =~ /^TRUNCATE/;
    vacuum_trains($table, $name) unless $ddl =~ /^DROP/;
    sql("DROP TABLE $table");
}

my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP:/, 'nothing that must not happen');
is(join(' ', grep { $_ != 9 } $log =~ /terminated by signal (\d+)/g), '', 'no backend crashed by itself');
$node->stop;
done_testing();
