# An index that its rows have outgrown is trained anew while it is in use, by VACUUM, autovacuum or vector_quant_maintain. Sessions that write
# or have old snapshots see nothing of it, nor do standbys; what it cannot do ends in a warning.

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
my $node = new_node('generations', 'checkpoint_timeout = 1h', 'deadlock_timeout = 100ms', "wal_keep_size = '2GB'");
my $query = begin_generations($node, $dims);
my @ams = access_methods();
my $force = 'SET enable_seqscan = off; SET enable_sort = off; ' . relaxed_order();

# --- causes, and who may train

for my $am (@ams)
{
    my $table = untrained("own_$am", $am, 999);
    sql("VACUUM $table");
    is(stat_of($table, 'trained, lists, maintained IS NULL, maintained_because IS NULL'), 'f|1|t|t', "$am: too few rows to train on");
    put($table, 1000, 2000);
    is(sql("SELECT done, because, rows, lists_before, lists, seconds IS NULL FROM vector_quant_maintain('${table}_v', true)"),
        'f|it was built without rows, so all of them lie in one list|2000|1|1|t', "$am: a dry run says why");
    sql("ALTER INDEX ${table}_v SET (auto_maintenance = off); VACUUM $table");
    is(stat_of($table, 'trained, maintained IS NULL'), 'f|t', "$am: neither a dry run nor, without auto_maintenance, VACUUM trains");
    like(stat_of($table, 'advice'), qr/^vector_quant_maintain: it was built without rows/, "$am: advice");
    sql("ALTER INDEX ${table}_v RESET (auto_maintenance)");

    my $from = log_size();
    sql("VACUUM $table");
    is(stat_of($table, q{trained, lists > 1, lists < 200, rows, build_rows, maintained_because, maintained BETWEEN now() - interval '10 min' AND now(),
        maintained_seconds > 0 AND maintained_seconds < 600, crowding BETWEEN 0.95 AND 1.05, growth, lost_bytes, advice IS NULL}),
        't|t|t|2000|2000|untrained|t|t|t|1|0|t', "$am: trained by VACUUM");
    my @lines = slurp_file($node->logfile, $from) =~ /LOG:  (index "${table}_v" was trained anew.*)\n.*DETAIL:  Rows: 2000, lists: \d+, time: [\d.]+ s\./g;
    is("@lines", qq{index "${table}_v" was trained anew, because it was built without rows, so all of them lie in one list}, "$am: one line in the log");
    is_complete($node, $table, $query, "$am, trained by VACUUM");
    is(sql("SELECT done, because IS NULL FROM vector_quant_maintain('${table}_v')"), 'f|t', "$am: no cause is left");

    # Grown, on demand; in a transaction that writes to the table, and is rolled back.
    put($table, 2001, 4100);
    sql("BEGIN; INSERT INTO $table SELECT id + 10000, v FROM vectors WHERE id <= 100; DELETE FROM $table WHERE id <= 50;
        SELECT vector_quant_maintain('${table}_v'); INSERT INTO $table SELECT id + 20000, v FROM vectors WHERE id <= 100; ROLLBACK");
    is(stat_of($table, 'maintained_because, rows'), 'grown|4300', "$am: trained in a transaction");
    is_complete($node, $table, $query, "$am, trained in a transaction that is rolled back");
    sql("VACUUM $table");
    is(stat_of($table, 'lost_bytes, rows'), '0|4100', "$am: VACUUM after it");

    sql("TRUNCATE $table");
    put($table, 1, 1500);
    is(stat_of($table, 'trained, maintained IS NULL'), 'f|t', "$am: untrained by TRUNCATE");
    vacuum_trains($table, "$am, after TRUNCATE");
}

# --- an unlogged index, after a crash

untrained("unlogged_$_", $_, 1500, kind => 'UNLOGGED', with => 'refine = true') for @ams;
vacuum_trains("unlogged_$_", "unlogged, $_") for @ams;
$node->stop('immediate');
$node->start;
for my $am (@ams)
{
    is(stat_of("unlogged_$am", 'trained, rows'), 'f|0', "unlogged, $am: a crash empties it");
    put("unlogged_$am", 1, 1500);
    vacuum_trains("unlogged_$am", "unlogged, $am, after a crash");
}
sql(join('', map { "DROP TABLE own_$_, unlogged_$_;" } @ams));

# --- errors

for my $am (@ams)
{
    my $table = untrained("large_$am", $am, 1500, with => 'nlist = 20000');
    my $said = messages("SET maintenance_work_mem = '1MB'; VACUUM FREEZE $table");
    like($said, qr/WARNING:  index "${table}_v" could not be trained anew\n.*DETAIL:  .*memory.*HINT:  It works as before, and VACUUM tries again\./s,
        "$am, too little memory: a warning");
    unlike($said, qr/ERROR|FATAL/, "$am, too little memory: VACUUM goes through");
    is(sql("SELECT age(relfrozenxid) < 20 FROM pg_class WHERE relname = '$table'"), 't', "$am, too little memory: VACUUM has frozen");
    is(stat_of($table, 'trained, rows, lost_bytes'), 'f|1500|0', "$am, too little memory: as before");
    put($table, 1501, 1600);
    is_complete($node, $table, $query, "$am, too little memory");

    # Beside workers, which clean up two other indexes, there can be no subtransactions, but this error is foreseen.
    sql("CREATE INDEX ON $table (id)");
    my $parallel = "SET min_parallel_index_scan_size = 0; VACUUM (PARALLEL 2) $table";
    $said = messages("SET maintenance_work_mem = '1MB'; $parallel");
    like($said, qr/WARNING:  index "${table}_v" could not be trained anew\n.*DETAIL:  memory required is/s, "$am, too little memory: a warning in a parallel VACUUM");
    unlike($said, qr/ERROR|FATAL/, "$am, too little memory: a parallel VACUUM goes through");
    is(stat_of($table, 'trained, rows'), 'f|1600', "$am, too little memory: as before that, too");
    sql("ALTER INDEX ${table}_v SET (nlist = 10); $parallel");
    is(stat_of($table, 'trained, lists'), 't|10', "$am: trained by a parallel VACUUM");
    is_complete($node, $table, $query, "$am, trained by a parallel VACUUM");
    sql("DROP TABLE $table");
}

# --- tables of one session or transaction

for my $am (@ams)
{
    my $all = "SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM own ORDER BY v <-> $query) n";
    my $make = "TABLE own (id bigint, v vector($dims)); CREATE INDEX own_v ON own USING $am (v); INSERT INTO own SELECT * FROM vectors WHERE id <= 1500;";
    is(sql("CREATE TEMP $make VACUUM own; SELECT trained FROM vector_quant_index_stats('own_v'); $force $all"), "t\n1500|1500", "$am: a temporary table");
    is(sql("BEGIN; CREATE $make SELECT done FROM vector_quant_maintain('own_v'); COMMIT; $force $all"), "t\n1500|1500", "$am: a new table");
    for my $end (qw(ROLLBACK COMMIT))
    {
        is(sql("BEGIN; TRUNCATE own; INSERT INTO own SELECT * FROM vectors WHERE id <= 1400; SELECT done FROM vector_quant_maintain('own_v'); $end"),
            't', "$am: a new file, $end");
        is_complete($node, 'own', $query, "$am, a new file, $end");
    }
    sql('DROP TABLE own');
}

# --- old snapshots

# A session that has begun to read the table's rows.
sub start_reader
{
    my ($reader, $table) = @_;
    my $first = $reader->query_safe("$force BEGIN ISOLATION LEVEL REPEATABLE READ; DECLARE c CURSOR FOR SELECT id FROM $table ORDER BY v <-> $query; FETCH 10 FROM c");
    return split(/\n/, $first);
}

# It sees its rows still: all, and those at the place where they lie, which a full scan might find in the table instead.
sub sees
{
    my ($reader, $table, $first, $rows, $between, $name) = @_;
    is($reader->query_safe("WITH i AS MATERIALIZED (SELECT id FROM $table ORDER BY v <-> $query) SELECT count(*), count(DISTINCT id), sum(id) FROM i"),
        $reader->query_safe("SET enable_indexscan = off; SELECT count(*), count(*), sum(id) FROM $table"), "$name: its rows in order");
    is($reader->query_safe("SET enable_indexscan = on; SELECT count(*), count(*) FILTER (WHERE n.id = q.id) FROM vectors q,
        LATERAL (SELECT id FROM $table ORDER BY v <-> q.v LIMIT 1) n WHERE q.id $between AND q.id % 10 = 0"), '100|100', "$name: rows through the index");
    my %seen = map { $_ => 1 } @$first, split(/\n/, $reader->query_safe('FETCH ALL FROM c'));
    is(join(',', sort { $a <=> $b } keys %seen), join(',', @$rows), "$name: every row once through a cursor that was open");
    $reader->query_safe('COMMIT');
    $reader->quit;
    return;
}

for my $am (@ams)
{
    my $table = untrained("seen_$am", $am, 1500);
    my ($old, $later) = map { $node->background_psql('postgres') } 1 .. 2;
    my @old_first = start_reader($old, $table);
    sql("DELETE FROM $table WHERE id % 3 = 0; UPDATE $table SET v = (SELECT v FROM vectors WHERE id = 1) WHERE id % 3 = 1");
    put($table, 2001, 3000);
    my @later_first;
    at_stage($table, 'encoded', "VACUUM $table", sub { @later_first = start_reader($later, $table); });
    is_trained($table, "$table: trained while others read");
    sql("DELETE FROM $table WHERE id % 2 = 0");
    put($table, 3001, 3500);
    is_complete($node, $table, $query, "$table, for a new snapshot");
    sees($old, $table, \@old_first, [ 1 .. 1500 ], 'BETWEEN 1 AND 1000', "$table, an old snapshot");
    sees($later, $table, \@later_first, [ (grep { $_ % 3 } 1 .. 1500), 2001 .. 3000 ], 'BETWEEN 2001 AND 3000', "$table, a snapshot of the time between");
    sql("VACUUM $table");
    is_complete($node, $table, $query, "$table, without old snapshots");
    sql("DROP TABLE $table");
}

# --- autovacuum

sub set_server { sql(join('', map { "ALTER SYSTEM SET $_;" } @_) . 'SELECT pg_reload_conf()'); return; }

my $eager = 'autovacuum_vacuum_insert_threshold = 500, autovacuum_vacuum_insert_scale_factor = 0';
for my $am (@ams)
{
    untrained("auto_$am", $am, 1500);
    sql("ALTER TABLE auto_$am SET ($eager)");
}
my $from = log_size();
untrained('disturbed', $ams[0], 1500);
sql("ALTER TABLE disturbed SET ($eager, autovacuum_vacuum_cost_delay = 5, autovacuum_vacuum_cost_limit = 1)");
set_server('autovacuum = on', "autovacuum_naptime = '1s'", 'log_min_messages = debug1');
wait_for_stage('disturbed', 'named', $from);
sql('CREATE INDEX ON disturbed (id)'); # waits for a lock that autovacuum then gives back
$node->wait_for_log(qr/ERROR:  canceling autovacuum task/, $from);
is_complete($node, 'disturbed', $query, 'autovacuum gives way');
is(stat_of('disturbed', 'trained'), 'f', 'autovacuum gives way: untrained as before');
sql('ALTER TABLE disturbed RESET (autovacuum_vacuum_cost_delay, autovacuum_vacuum_cost_limit)');
for my $table ('disturbed', map { "auto_$_" } @ams)
{
    $node->poll_query_until('postgres', "SELECT trained FROM vector_quant_index_stats('${table}_v')") or die "$table is not trained";
    is(stat_of($table, 'lists > 1, maintained_because'), 't|untrained', "$table: trained by autovacuum");
    is_complete($node, $table, $query, "$table, trained by autovacuum");
}
set_server('autovacuum = off', 'log_min_messages = warning', "wal_consistency_checking = 'generic'");

# --- a standby

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
my @sent = map { untrained("sent_$ams[$_]", $ams[$_], 1500, with => $_ ? '' : 'refine = true') } 0 .. $#ams;
$node->wait_for_catchup($standby);
my $reader = $standby->background_psql('postgres');
$reader->query_safe('SET enable_seqscan = off; SET enable_sort = off');
my @queries = map { query_vector($node, $dims, $_) } 1 .. 3;
for my $step ('trained', 'grown')
{
    my $writer = start_writer(@sent);
    for my $table (@sent)
    {
        my $before = stat_of($table, 'maintained');
        my $nearest = "SELECT string_agg(id::text, ',') FROM (SELECT id FROM $table ORDER BY v <-> $queries[0] LIMIT 100) n";
        $reader->query_safe($nearest);
        at_stage($table, 'switched', "VACUUM $table", sub { });
        isnt(stat_of($table, 'maintained'), $before, "$table, $step: a new generation");
    }
    stop_writer($writer, $step);
    $node->wait_for_catchup($standby);
    for my $table (@sent)
    {
        my @answers = map { my $on = $_; join("\n", map { nearest($on, $table, $_, '<->', 100, 1) } @queries) } ($node, $standby);
        is($answers[1], $answers[0], "$table, $step: the standby answers as the primary");
        my $nearest = "SELECT string_agg(id::text, ',') FROM (SELECT id FROM $table ORDER BY v <-> $queries[0] LIMIT 100) n";
        is($reader->query_safe($nearest), (split(/\n/, $answers[0]))[0], "$table, $step: and so does a session that had the old generation open");
        is_whole($table, "$table, $step, on the standby", '<->', $standby);
    }
    sql("INSERT INTO $_ SELECT nextval('s'), v FROM vectors WHERE id <= 3000") for @sent;
}
$reader->quit;

# The primary goes in the middle of a run.
sql("TRUNCATE $sent[0]");
put($sent[0], 1, 1500);
my $writer = start_writer(@sent);
at_stage($sent[0], 'loaded', "VACUUM $sent[0]", sub { $node->stop('immediate'); });
$writer->{psql}->finish;
$standby->promote;
ok(!crashed($node), 'no backend crashed');
$node = $standby;
go_on_with($node);
for my $table (@sent)
{
    is_whole($table, "promoted, $table");
    sql("INSERT INTO $table SELECT nextval('s'), v FROM vectors WHERE id <= 20");
    vacuum_trains($table, "promoted, $table");
}
ok(!crashed($node), 'promoted: no backend crashed');
$node->stop;
done_testing();
