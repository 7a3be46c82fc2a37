# A build that is stopped, in any of its phases or by a timeout, leaves nothing behind, and the session that ran it can
# build at once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use SessionMemory;
use VectorQuant;

my $dims = 64;
my $node = new_node('interrupted');
new_table($node, 'items', $dims, 12000);
new_table($node, 'few',   $dims, 300);
my $query = query_vector($node, $dims, 1);

# Access method, options, phases to stop it in.
my @builds = map { [ $_, 'nlist = 40', 'clustering', 'encoding rows' ] } access_methods();
push @builds, [ 'wrvq', "training = $_", 'training codes' ] for qw(linear trained);

# Files of the database's relations, but for the tables' visibility maps, which queries of 19 make. A checkpoint removes what a rollback
# has emptied.
sub files
{
    $node->safe_psql('postgres', 'CHECKPOINT');
    return $node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database
        WHERE datname = current_database())) f WHERE f ~ '^[0-9]+(_(?!vm)|\$)'");
}

# Cancels the build as soon as it is in the phase; true if it ever was.
sub cancel_in
{
    my ($phase) = @_;
    my ($out, $err) = ('', '');
    $node->psql('postgres', qq{
        SET application_name = 'canceller';
        DO \$\$
        BEGIN
            FOR i IN 1 .. 10000 LOOP
                PERFORM pg_cancel_backend(pid) FROM pg_stat_progress_create_index WHERE phase = 'building index: $phase';
                IF FOUND THEN RETURN; END IF;
                PERFORM pg_sleep(0.001), pg_stat_clear_snapshot();
            END LOOP;
            RAISE 'never in phase $phase';
        END \$\$}, stdout => \$out, stderr => \$err);
    diag($err) if $err;
    return $err eq '';
}

# Before a build: waits for the canceller to look. A phase may be shorter than it takes to start a session.
my $ready = q{DO $$
    BEGIN
        WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'canceller' AND state = 'active' AND query LIKE '%pg_cancel_backend%') LOOP
            PERFORM pg_sleep(0.001), pg_stat_clear_snapshot();
        END LOOP;
    END $$;
};

# Stops the build of a script in the phase: whether it was caught there, and the script's output and errors. On a busy machine a short phase may
# pass between two looks: then once more.
sub stopped_in
{
    my ($phase, $script) = @_;
    my ($caught, $out, $err);
    for my $try (1 .. 3)
    {
        ($out, $err) = session($script, sub { $caught = cancel_in($phase) });
        last if $caught;
        $node->safe_psql('postgres', "DROP INDEX IF EXISTS few_$_") for access_methods();
    }
    return ($caught, $out, $err);
}

# Runs a script in a session that goes on after errors; returns its output and errors. $meanwhile is called while it runs.
sub session
{
    my ($script, $meanwhile) = @_;
    my ($out, $err) = ('', '');
    my $file = PostgreSQL::Test::Utils::tempdir() . '/script.sql';
    append_to_file($file, $script); # which psql reads by itself, other than its standard input
    my $handle = IPC::Run::start([ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-f', $file, '-d', $node->connstr('postgres') ],
        '>', \$out, '2>', \$err);
    $meanwhile->() if $meanwhile;
    $handle->finish;
    return ($out, $err);
}

my $left = build_left($node);

# A build that fails; then what it has left in the session's memory; then one that must not fail.
sub script
{
    my ($am, $with, $first) = @_;
    return "$first\nCREATE INDEX items_v ON items USING $am (v) WITH ($with);
        RESET statement_timeout;
        SELECT 'left: ' || $left;
        CREATE INDEX few_$am ON few USING $am (v vector_cosine_ops) WITH ($with, nprobe = 1);
        DROP INDEX IF EXISTS items_v;\n";
}

sub nothing_left
{
    my ($name, $am, $out, $files) = @_;
    like($out, qr/^left: 0$/m, "$name: memory is given back");
    is_complete($node, 'few', $query, "$name, then another build", '<=>');
    $node->safe_psql('postgres', "DROP INDEX few_$am");
    is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'items_v'"), '0', "$name: no index");
    is(files(), $files, "$name: no file");
}

my $files = files();
for my $build (@builds)
{
    my ($am, $with, @phases) = @$build;
    for my $phase (@phases)
    {
        my $name = "$am, $with, cancelled while $phase";
        my ($caught, $out, $err) = stopped_in($phase, script($am, $with, $ready));
        ok($caught, "$name: was in that phase");
        like($err, qr/ERROR:  57014: canceling statement due to user request$/m, "$name: the error");
        nothing_left($name, $am, $out, $files);
    }
}

# Parallel workers go with the build.
$node->safe_psql('postgres', 'ALTER TABLE items SET (parallel_workers = 2)');
for my $am (access_methods())
{
    my $name = "$am, cancelled while workers encode";
    my $script = script($am, 'nlist = 40', "$ready SET client_min_messages = debug1;")
      . "SELECT 'workers: ' || count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker';\n";
    my ($caught, $out, $err) = stopped_in('encoding rows', $script);
    ok($caught, "$name: was in that phase");
    like($err, qr/ERROR:  57014: canceling statement due to user request$/m, "$name: the error");
    like($err, qr/using 2 parallel workers/,                                "$name: there were workers");
    like($out, qr/^workers: 0$/m,                                           "$name: no worker is left");
    nothing_left($name, $am, $out, $files);
}
$node->safe_psql('postgres', 'ALTER TABLE items RESET (parallel_workers)');

# Timeouts that may be too late for the fast ones.
for my $build (@builds)
{
    my ($am, $with) = @$build;
    for my $ms (1, 100, 400)
    {
        my $name = "$am, $with, $ms ms";
        my ($out, $err) = session(script($am, $with, "SET statement_timeout = $ms;"));
        my @errors = $err =~ /ERROR:  (.*)/mg;
        my @others = grep { $_ ne '57014: canceling statement due to statement timeout' } @errors;
        is("@others", '', "$name: no other error");
        ok($ms > 1 || @errors == 1, "$name: stopped");
        nothing_left($name, $am, $out, $files);
    }
}

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
