# When an index is trained anew, old pages stay for those who still read them, and dead rows for those who still see them: whatever else the
# session did before, and on standbys, too.

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
my $node = new_node('horizons', 'checkpoint_timeout = 1h');
my $query = begin_generations($node, $dims);
my @ams = access_methods();
my $force = 'SET enable_seqscan = off; SET enable_sort = off; ' . relaxed_order();

# --- what nobody else reads, of a temporary table, says nothing of others

for my $am (@ams)
{
    new_table($node, "kept_$am", $dims, 0);
    put("kept_$am", 1, 2500);
    sql("CREATE INDEX kept_${am}_v ON kept_$am USING $am (v)");
    put("kept_$am", 2501, 5000);
    my $reader = $node->background_psql('postgres');
    my @seen = split(/\n/, $reader->query_safe("$force BEGIN ISOLATION LEVEL REPEATABLE READ;
        DECLARE c CURSOR FOR SELECT id FROM kept_$am ORDER BY v <-> $query; FETCH 10 FROM c"));
    sql("VACUUM kept_$am; CREATE TEMP TABLE own (id bigint, v vector($dims)); CREATE INDEX own_v ON own USING $am (v);
        INSERT INTO own SELECT * FROM vectors WHERE id <= 1500; VACUUM own;
        INSERT INTO kept_$am SELECT id + 10000, v FROM vectors");
    my %seen = map { $_ => 1 } @seen, split(/\n/, $reader->query_safe('FETCH ALL FROM c'));
    is(scalar keys %seen, 5000, "$am: a reader gets his rows");
    $reader->quit;
    is_complete($node, "kept_$am", $query, "$am: for a new snapshot");
}

# --- a standby's old snapshot sees rows that are dead on the primary: so many bytes a row that no page is pruned when it is read

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = -1');
$standby->start;
for my $am (@ams)
{
    my $table = "sent_$am";
    sql("CREATE TABLE $table (id bigint, v vector(400)); INSERT INTO $table SELECT id, vq_row(id, 400) FROM generate_series(1, 1200) id; CREATE INDEX ${table}_v ON $table USING $am (v);
        INSERT INTO $table SELECT id, vq_row(id, 400) FROM generate_series(1201, 2400) id");
    $node->wait_for_catchup($standby);
    my $reader = $standby->background_psql('postgres');
    my $found = "SELECT count(*) FROM (SELECT * FROM $table WHERE id <= 100) q
        WHERE id = (SELECT id FROM $table ORDER BY v <-> q.v LIMIT 1)";
    $reader->query_safe('SET enable_seqscan = off; SET enable_sort = off; BEGIN ISOLATION LEVEL REPEATABLE READ');
    is($reader->query_safe($found), 100, "$am: rows on the standby");
    sql("DELETE FROM $table WHERE id % 2 = 0");
    is(sql("SELECT done FROM vector_quant_maintain('${table}_v')"), 't', "$am: trained anew without them");
    # Either all of it has been replayed, or that waits for the reader.
    $standby->poll_query_until('postgres', "SELECT wait_event ~ 'RecoveryConflict' OR pg_last_wal_replay_lsn() >= '" . sql('SELECT pg_current_wal_lsn()') .
        "' FROM pg_stat_activity WHERE backend_type = 'startup'") or die;
    is($reader->query_safe($found), 100, "$am: still there for an old snapshot");
    $reader->query_safe('COMMIT');
    $reader->quit;
    $node->wait_for_catchup($standby);
}
$standby->stop;

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
