# An index whose rows are all updated again and again stays small: VACUUM moves what stands at its end to free pages before it and
# gives the rest back to the file system. It waits for nobody, disturbs nobody, and standbys follow.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 16;
my $rows  = 12000;
my $node  = new_node('churn', "wal_keep_size = '1GB'", 'max_standby_streaming_delay = 1s', 'min_parallel_index_scan_size = 0');
my $query = query_vector($node, $dims, 1);
my %query_of; # tables of other dimensions
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

sub size { return ($_[1] // $node)->safe_psql('postgres', "SELECT pg_relation_size('$_[0]_v') / 8192"); }
sub vacuum { $node->safe_psql('postgres', "VACUUM $_[0]"); return size($_[0]); }

# All rows, each in a new version that the index gets too.
sub update_all
{
    my ($table, $which) = @_;
    $which //= 'true';
    $node->safe_psql('postgres', "UPDATE $table SET v = v + array_fill(0.0001::real, ARRAY[$dims])::vector WHERE $which");
    return;
}

sub churn
{
    my ($table, %option) = @_;
    new_table($node, $table, $dims, $rows, %option);
    my $first = size($table);
    my (@sizes, @known);
    for (1 .. 5)
    {
        update_all($table);
        push @sizes, vacuum($table);
        push @known, $node->safe_psql('postgres', "SELECT relpages FROM pg_class WHERE relname = '${table}_v'");
    }
    is("@known", "@sizes", "$table: the planner knows the size");
    is(scalar(grep { $_ > 3 * $first } @sizes), 0, "$table: within three times its first size");
    my @quiet = (vacuum($table), vacuum($table));
    note("$table: $first pages at first, @sizes after updates of all rows, @quiet after two more VACUUMs");
    cmp_ok($quiet[1], '<=', 1.75 * $first, "$table: nearly as small as at first when nothing happens between two VACUUMs");
    is($node->safe_psql('postgres', "SELECT advice IS NULL AND lost_bytes = 0 FROM vector_quant_index_stats('${table}_v')"), 't', "$table: nothing to do");
    is_complete($node, $table, $query, "$table, in the end");
    return $first;
}

sub in_standby
{
    my ($table, $step) = @_;
    $node->wait_for_catchup($standby);
    # The primary may have zero pages at the end, which nobody has come to use: they are not logged.
    cmp_ok(size($table, $standby), '<=', size($table), "$table, $step: no longer on the standby");
    is_complete($standby, $table, $query, "$table, $step, on the standby");
    return;
}

for my $am (access_methods())
{
    churn("plain_$am", am => $am, with => 'nlist = 40');
    churn("fine_$am", am => $am, with => 'nlist = 40, refine = true, ' . variant($am, 2));
    in_standby("${_}_$am", 'churned') for qw(plain fine);
}

# Somebody has the index open, and a scan under way that knows pages at its end.
my $table = 'plain_ivf_rabitq';
my $scan = "SET enable_seqscan = off; SET enable_sort = off; BEGIN; DECLARE c CURSOR FOR SELECT id FROM $table ORDER BY v <-> $query; FETCH 10 FROM c;";
update_all($table);
my $reader = $node->background_psql('postgres');
$reader->query_safe($scan);
my $before = size($table);
cmp_ok(vacuum($table), '>=', $before, 'VACUUM does not truncate under a scan');
my $far = 'MOVE ' . int(0.9 * $rows) . ' FROM c; FETCH 3 FROM c;';
like($reader->query_safe($far), qr/\A\d+\n\d+\n\d+\z/, 'the scan goes on');
$reader->query_safe('COMMIT;');
cmp_ok(vacuum($table), '<', 0.75 * $before, 'VACUUM truncates when it is over');

# A session that knows how long the index was before it was truncated.
update_all($table);
$reader->query_safe("SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM $table ORDER BY v <-> $query LIMIT 20) n;");
$reader->query_safe("INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(200001, 200100) id;");
my $long = size($table);
vacuum($table);
cmp_ok(vacuum($table), '<', $long, 'truncated behind a session that has used it');
$reader->query_safe("INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(200101, 201500) id;");
is_complete($node, $table, $query, 'the session goes on writing');
$reader->quit;

# A scan on a standby, of pages that the primary truncates: it ends in an error or with right rows, and the standby follows.
update_all($table);
$node->wait_for_catchup($standby);
my $there = $standby->background_psql('postgres', on_error_stop => 0);
$there->query($scan);
vacuum($table);
vacuum($table);
my $out = eval { $there->query($far) } // '';
like("$there->{stderr}$out", qr/\A\d+\n\d+\n\d+\n?\z|conflict with recovery/, 'a scan on the standby');
eval { $there->quit };
in_standby($table, 'after a conflict');

# A table that VACUUM must not truncate.
$table = 'fine_ivf_rabitq';
my $advice = "SELECT advice FROM vector_quant_index_stats('${table}_v')";
update_all($table);
$node->safe_psql('postgres', "ALTER TABLE $table SET (vacuum_truncate = false)");
$before = vacuum($table);
is($node->safe_psql('postgres', $advice), '', 'two thirds free, as after any update of all rows: no advice');
$node->safe_psql('postgres', "DELETE FROM $table WHERE id % 4 > 0");
vacuum($table);
is(vacuum($table), $before, 'vacuum_truncate = false holds for its indexes');
like($node->safe_psql('postgres', $advice), qr/VACUUM, else REINDEX: \d+ MB of it, \d+ %, are free\z/, 'advice');
$node->safe_psql('postgres', "DELETE FROM $table WHERE id > 600");
vacuum($table);
like($node->safe_psql('postgres', $advice), qr/\AVACUUM, else REINDEX: \d+ MB of it, \d+ %, are free\z/, 'advice, however few rows are left');
$node->safe_psql('postgres', "ALTER TABLE $table RESET (vacuum_truncate)");

# Right after a truncation.
cmp_ok(vacuum($table), '<', 0.5 * $before, 'truncated');
unlike($node->safe_psql('postgres', $advice), qr/free/, 'no such advice any more');
$node->safe_psql('postgres', "INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(604, $rows, 4) id");
$node->stop('immediate');
$node->start;
is_complete($node, $_, $query, "$_, after a crash") for $table, map { "plain_$_" } access_methods();
in_standby($table, 'after the crash');

# Writers and readers at work while VACUUM moves and truncates. Readers leave moments without a lock.
$node->safe_psql('postgres', 'CREATE SEQUENCE s START 300000');
sub start_bench
{
    my ($options, @scripts) = @_;
    my $temp = PostgreSQL::Test::Utils::tempdir();
    my %bench = (out => '', err => '');
    my @files = map { append_to_file("$temp/$_.sql", "$scripts[$_]\n"); ('-f', "$temp/$_.sql") } 0 .. $#scripts;
    $bench{run} = IPC::Run::start([ 'pgbench', '-n', @$options, @files, $node->connstr('postgres') ], '>', \$bench{out}, '2>', \$bench{err});
    return \%bench;
}

sub at_work
{
    my ($t) = @_;
    my $bench = start_bench([ '-c', 4, '-T', 8, '-R', 30 ],
        "INSERT INTO $t SELECT n, vq_row(n, $dims) FROM (SELECT nextval('s') n FROM generate_series(1, 50)) g;",
        "\\set r random(0, 20)\nDELETE FROM $t WHERE id % 20 = :r AND id >= 300000;",
        "SET enable_seqscan = off;\nSELECT 1 / (count(DISTINCT id) = 500)::int FROM (SELECT id FROM $t ORDER BY v <-> $query LIMIT 500) n;");
    my $truncated = 0;
    for (1 .. 4)
    {
        update_all($t, 'id < 200000');
        for (1 .. 4)
        {
            my $long = size($t);
            $truncated += vacuum($t) < $long;
        }
    }
    $bench->{run}->finish;
    unlike($bench->{err}, qr/ERROR|aborted|PANIC|closed the connection/, "$t: no session saw an error");
    cmp_ok($truncated, '>', 0, "$t: VACUUM truncated while others were at work");
    note("$t: truncated $truncated times, " . size($t) . ' pages at last');
    is_complete($node, $t, $query, "$t, others at work");
    in_standby($t, 'others at work');
    return;
}
at_work("fine_$_") for access_methods();

# Stopped in the middle of that.
for my $round (1 .. 3)
{
    my $work = join('', map { "UPDATE $_ SET v = v + array_fill(0.0001::real, ARRAY[$dims])::vector WHERE id % 4 < 2; VACUUM $_; VACUUM $_;\n" }
          map { ("plain_$_", "fine_$_") } access_methods());
    my $file = PostgreSQL::Test::Utils::tempdir() . '/work.sql';
    append_to_file($file, $work x 20);
    my ($out, $err) = ('', '');
    my $psql = IPC::Run::start([ 'psql', '-qXAt', '-d', $node->connstr('postgres'), '-f', $file ], '>', \$out, '2>', \$err);
    select(undef, undef, undef, 0.7 * $round);
    $node->stop('immediate');
    $psql->finish;
    unlike($err, qr/ERROR:/, "stopped $round: no error before");
    $node->start;
    for my $am (access_methods())
    {
        is_complete($node, $_, $query, "$_, stopped $round") for "plain_$am", "fine_$am";
        in_standby("fine_$am", "stopped $round");
    }
}

# Unusual ones: the smallest, no WAL, of one session, records longer than a page, VACUUM with parallel workers.
sub shrinks
{
    my ($t, $step) = @_;
    my $fixed = $node->safe_psql('postgres', "SELECT fixed_bytes / 8192 FROM vector_quant_index_stats('${t}_v')");
    my $long  = size($t) - $fixed;
    vacuum($t) for 1 .. 2;
    cmp_ok(vacuum($t) - $fixed, '<', 0.6 * $long, "$t, $step: given back");
    return is_complete($node, $t, $query_of{$t} // $query, "$t, $step");
}
for my $am (access_methods())
{
    my $t = "one_$am";
    new_table($node, $t, $dims, 1, am => $am);
    update_all($t) for 1 .. 3;
    vacuum($t) for 1 .. 2;
    is_complete($node, $t, $query, "$t: one row");
    fill($node, $t, $dims, 2, 8000);
    $node->safe_psql('postgres', "DELETE FROM $t WHERE id <> 3000");
    shrinks($t, 'one row left');
    $node->safe_psql('postgres', "DELETE FROM $t");
    vacuum($t) for 1 .. 2;
    is_complete($node, $t, $query, "$t: no row");

    $t = "unlogged_$am";
    new_table($node, $t, $dims, 3000, am => $am, kind => 'UNLOGGED', with => 'refine = true, nlist = 10, ' . variant($am, 2));
    update_all($t);
    $node->safe_psql('postgres', "DELETE FROM $t WHERE id % 10 > 0");
    shrinks($t, 'no WAL');

    my @said = split /\n/, $node->safe_psql(
        'postgres', qq{
        CREATE TEMP TABLE t (id bigint, v vector($dims));
        INSERT INTO t SELECT id, vq_row(id, $dims) FROM generate_series(1, 4000) id;
        CREATE INDEX t_v ON t USING $am (v) WITH (nlist = 20);
        UPDATE t SET v = v; UPDATE t SET v = v; SELECT pg_relation_size('t_v');
        VACUUM t; VACUUM t; SELECT pg_relation_size('t_v');
        INSERT INTO t SELECT id, vq_row(id, $dims) FROM generate_series(4001, 7000) id;
        SELECT vector_quant_index_check('t_v', true)});
    cmp_ok($said[1], '<', 0.6 * $said[0], "$am: a temporary table");

    $t = "parallel_$am";
    new_table($node, $t, $dims, 3000, am => $am, with => 'nlist = 10');
    $node->safe_psql('postgres', "CREATE INDEX ${t}_c ON $t USING $am (v vector_cosine_ops) WITH (nlist = 10)");
    update_all($t) for 1 .. 2;
    my $both = "SELECT pg_relation_size('${t}_v') + pg_relation_size('${t}_c')";
    my $long = $node->safe_psql('postgres', $both);
    $node->safe_psql('postgres', "VACUUM (PARALLEL 2) $t") for 1 .. 2;
    cmp_ok($node->safe_psql('postgres', $both), '<', 0.7 * $long, "$t: both given back");
    is_complete($node, $t, $query, $t);
    is_complete($node, $t, $query, "$t, the other", '<=>');
    in_standby($t, 'parallel VACUUM');

    $t = "long_$am";
    new_table($node, $t, 2100, 60, am => $am, with => "refine = true, refine_type = 'FP32', nlist = 2");
    $query_of{$t} = query_vector($node, 2100, 1);
    $node->safe_psql('postgres', "UPDATE $t SET v = v::real[]::vector, id = id + 1000") for 1 .. 2;
    $node->safe_psql('postgres', "DELETE FROM $t WHERE id % 4 > 0");
    shrinks($t, 'long records');
}

ok(!crashed($_), $_->name . ' did not crash') for ($node, $standby);
$_->stop for ($standby, $node);
done_testing();
