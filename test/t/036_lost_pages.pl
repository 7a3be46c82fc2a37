# Pages are never lost for good: VACUUM finds those that a crash or an error has left behind and those that the free space map has
# forgotten, and leaves alone those that somebody is about to use. vector_quant_index_check counts them, without an error.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $dims  = 24;
my $node  = new_node('lost', 'max_wal_senders = 4', 'checkpoint_timeout = 1h');
my $query = query_vector($node, $dims, 1);
$node->safe_psql('postgres', 'CREATE SEQUENCE s START 100000');

sub size { return $node->safe_psql('postgres', "SELECT pg_relation_size('$_[0]_v') / 8192"); }
sub lost { return $node->safe_psql('postgres', "SELECT lost_bytes / 8192 FROM vector_quant_index_stats('$_[0]_v')"); }

# What a statement says, and any error.
sub messages
{
    my ($sql, $on) = @_;
    my ($out, $err) = ('', '');
    ($on // $node)->psql('postgres', $sql, stdout => \$out, stderr => \$err);
    return $err;
}
sub checked { return messages("SELECT vector_quant_index_check('$_[0]_v', true)"); }

sub file_of { return $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$_[0]_v')"); }

# Calls $change while the server is stopped.
sub while_stopped
{
    my ($change) = @_;
    $node->stop;
    disable_checksums($node);
    $change->();
    $node->start;
    return;
}

# Adds copies of a page of rows to the end of the file: pages that look taken, by transaction $xid, and that nothing refers to.
sub add_pages
{
    my ($file, $count, $xid) = @_;
    my $bytes = slurp_file($file);
    my ($tile) = grep { unpack('v', substr($bytes, $_ * 8192 + 8188, 2)) == 5 } 0 .. length($bytes) / 8192 - 1;
    my $page = substr($bytes, $tile * 8192, 8192);
    substr($page, 20, 4) = pack('V', $xid); # pd_prune_xid
    append_to_file($file, $page x $count);
    return;
}

sub come_back
{
    my ($table) = @_;
    my $file = file_of($table);
    while_stopped(sub { add_pages($file, 5, 0) });
    like(checked($table), qr/^(psql:\S+ )?NOTICE:  5 pages of index "${table}_v" are neither in use nor free\n.*HINT:  VACUUM/s, "$table: lost pages are counted");
    is(lost($table), 5, "$table: lost_bytes");
    is_complete($node, $table, $query, "$table, with lost pages");
    is(messages("VACUUM $table"), '', "$table: VACUUM says nothing");
    is(checked($table), '', "$table: nothing is lost after VACUUM");
    is(lost($table), 0, "$table: lost_bytes after VACUUM");
    my $before = size($table);
    $node->safe_psql('postgres', "INSERT INTO $table SELECT nextval('s'), vq_row(1, $dims)");
    is(size($table), $before, "$table: they are used again");
    is_complete($node, $table, $query, "$table, found again");
    return;
}

# Whether VACUUM may give free pages back to the file system, instead of keeping them for inserts.
sub may_truncate { $node->safe_psql('postgres', "ALTER TABLE $_[0] SET (vacuum_truncate = $_[1])"); return; }

# As a crash or a promotion may leave it.
sub without_map
{
    my ($table) = @_;
    my $file = file_of($table);
    may_truncate($table, 'off');
    my $count = $node->safe_psql('postgres', "SELECT count(*) FROM $table");
    $node->safe_psql('postgres', "DELETE FROM $table");
    $node->safe_psql('postgres', "VACUUM $table");
    is(lost($table), 0, "$table: freed pages are offered");
    while_stopped(sub { unlink("${file}_fsm") or die $! });
    cmp_ok(lost($table), '>', 5, "$table: without its map, nothing is offered");
    is(checked($table), '', "$table: but free pages are free");
    $node->safe_psql('postgres', "VACUUM $table");
    is(lost($table), 0, "$table: offered again by VACUUM");
    my $before = size($table);
    $node->safe_psql('postgres', "INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(1, 500) id");
    is(size($table), $before, "$table: and used");
    may_truncate($table, 'on');
    return;
}

# The next transaction has taken a page, and not linked it yet.
sub about_to_use
{
    my ($table) = @_;
    my $file = file_of($table);
    my $xid = $node->safe_psql('postgres', 'SELECT txid_snapshot_xmax(txid_current_snapshot())');
    while_stopped(sub { add_pages($file, 1, $xid) });
    my $last = size($table) - 1;
    my $kind = "CHECKPOINT; SELECT get_byte(vq_page('${table}_v', $last), 8189)"; # 128: freed
    my $session = $node->background_psql('postgres');
    is($session->query_safe('BEGIN; SELECT txid_current();'), $xid, "$table: the transaction that the page names");
    $node->safe_psql('postgres', "VACUUM $table");
    is($node->safe_psql('postgres', $kind), 0, "$table: VACUUM leaves a page alone whose taker is at work");
    is(checked($table), '', "$table: and it is not lost");
    $session->query_safe('COMMIT;');
    $session->quit;
    like(checked($table), qr/1 page of index/, "$table: it is lost when its taker is gone");
    $node->safe_psql('postgres', "VACUUM $table");
    is($node->safe_psql('postgres', $kind), 128, "$table: and freed");
    is_complete($node, $table, $query, "$table, freed");
    return;
}

my @tables = map { ("plain_$_", "fine_$_") } access_methods();
for my $am (access_methods())
{
    new_table($node, "plain_$am", $dims, 1500, am => $am, with => 'nlist = 6');
    new_table($node, "fine_$am", $dims, 1500, am => $am, with => 'nlist = 6, refine = true, ' . variant($am, 1));
    come_back("plain_$am");
    about_to_use("fine_$am");
    without_map("fine_$am");
}

# Writers and VACUUM, stopped in the middle.
my $work = join('', map { "INSERT INTO $_ SELECT n, vq_row(n, $dims) FROM (SELECT nextval('s') n FROM generate_series(1, 200)) g;
    DELETE FROM $_ WHERE id % 3 = random()::int; VACUUM $_;\n" } @tables);
sub all_found
{
    my ($step) = @_;
    for my $table (@tables)
    {
        note("$step, $table: " . (lost($table)) . ' pages lost of ' . size($table));
        $node->safe_psql('postgres', "VACUUM $table");
        is(checked($table), '', "$step, $table: sound, and nothing is lost after VACUUM");
        is(lost($table), 0, "$step, $table: all that is not in use is offered");
    }
    return;
}
for my $round (1 .. 3)
{
    my $file = PostgreSQL::Test::Utils::tempdir() . "/work$round.sql";
    append_to_file($file, $work x 50);
    my ($out, $err) = ('', '');
    my $psql = IPC::Run::start([ 'psql', '-qXAt', '-d', $node->connstr('postgres'), '-f', $file ], '>', \$out, '2>', \$err);
    my $goal = 1000 * $round + $node->safe_psql('postgres', 'SELECT last_value FROM s');
    $node->poll_query_until('postgres', "SELECT last_value >= $goal FROM s") or die 'no progress';
    $node->stop('immediate');
    $psql->finish;
    $node->start;
    all_found("crash $round");
}
for my $ms (1, 2, 4, 8, 16)
{
    messages("SET statement_timeout = $ms; VACUUM $_") for @tables;
    messages("SET statement_timeout = " . (20 + $ms) . "; INSERT INTO $_ SELECT nextval('s'), vq_row(1, $dims) FROM generate_series(1, 3000)") for @tables;
    $node->safe_psql('postgres', "DELETE FROM $_ WHERE id % 5 = $ms % 5") for @tables;
}
all_found('cancelled');

# A standby gets no map. What was freed since its base backup is found after its promotion.
may_truncate($_, 'off') for @tables;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
fill($node, $_, $dims, 900001, 902000) for @tables;
$node->safe_psql('postgres', "DELETE FROM $_ WHERE id < 902000; VACUUM $_") for @tables;
$node->wait_for_catchup($standby);
is(messages("SELECT vector_quant_index_check('${_}_v', true)", $standby), '', "$_: the standby's pages are sound") for @tables;
$node->stop;
$standby->promote;
$node = $standby;
all_found('promoted');
for my $table (@tables)
{
    my $before = size($table);
    fill($node, $table, $dims, 1, 500);
    is(size($table), $before, "promoted, $table: used again");
    is_complete($node, $table, $query, "promoted, $table");
}

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
