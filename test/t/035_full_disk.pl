# Where an index cannot grow, VACUUM goes through: it marks dead rows, gives back what it can without new pages, and says in one
# warning what it left for later. Inserts find the room that deletes have made, and what was left is done when there is room.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

# A file system of a few MB that belongs to the servers' user: check.sh mounts one where it may.
my $disk = $ENV{VQ_SMALL_DISK};
plan skip_all => 'no small file system to fill: test/check.sh mounts one, as root, where the machine allows it' unless $disk;

my $dims  = 32;
my $rows  = 3000;
my $node  = new_node('full');
my $query = query_vector($node, $dims, 1);
mkdir "$disk/tablespace" or die $!;
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$disk/tablespace'");

# Writes until nothing is left.
sub fill_disk
{
    open(my $out, '>', "$disk/filler") or die $!;
    binmode $out;
    1 while syswrite($out, "\1" x 4096);
    close($out);
    return;
}
sub free_disk { unlink("$disk/filler") or die $!; return; }

# Errors and warnings of a statement.
sub messages
{
    my ($sql) = @_;
    my ($out, $err) = ('', '');
    $node->psql('postgres', $sql, stdout => \$out, stderr => \$err);
    return $err;
}

sub one_warning
{
    my ($table, $sql, $name) = @_;
    my $said = messages($sql);
    like($said, qr/WARNING:  index "${table}_v" keeps the space of its deleted rows for now\n/, "$name: the warning");
    like($said, qr/DETAIL:  There is no room .* kB: could not extend file .*: No space left on device\.\n/, "$name: why");
    like($said, qr/HINT:  Free disk space, then VACUUM again\./, "$name: the way out");
    my @levels = $said =~ /(WARNING|ERROR|FATAL):/g;
    is("@levels", 'WARNING', "$name: one warning, no error");
    return;
}

sub stat_of { return $node->safe_psql('postgres', "SELECT $_[1] FROM vector_quant_index_stats('$_[0]_v')"); }

# An index that has taken rows since it was built, on a disk that is full.
sub with_full_disk
{
    my ($am, $table, $with) = @_;
    new_table($node, $table, $dims, $rows);
    $node->safe_psql('postgres', "CREATE INDEX ${table}_v ON $table USING $am (v vector_l2_ops) WITH ($with) TABLESPACE small");
    fill($node, $table, $dims, $rows + 1, $rows + 700);
    fill_disk();

    # More than fits: an ERROR that names the disk, and the server lives.
    my $said = messages("INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(10001, 40000) id");
    like($said, qr/ERROR:  could not extend file .*No space left on device/, "$table: an insert that finds no room");
    is_complete($node, $table, $query, "$table, full");

    $node->safe_psql('postgres', "DELETE FROM $table WHERE id % 2 = 0");
    one_warning($table, "VACUUM FREEZE $table", "$table, half of the rows deleted");
    cmp_ok(stat_of($table, 'dead_rows'), '>', 0, "$table: rows are dead in place");
    is($node->safe_psql('postgres', "SELECT age(relfrozenxid) < 20 FROM pg_class WHERE relname = '$table'"), 't', "$table: freezing ends");
    is_complete($node, $table, $query, "$table, half of the rows deleted");

    # Open rows that died have made room, and so have pages that the failed insert had got.
    is(messages("INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(50001, 50020) id"), '', "$table: rows go in again");
    is_complete($node, $table, $query, "$table, rows inserted");

    # Where no row is left nothing has to be copied.
    $node->safe_psql('postgres', "DELETE FROM $table");
    is(messages("VACUUM $table"), '', "$table: all rows deleted, no warning");
    is(stat_of($table, 'dead_rows'), '0', "$table: nothing dead is left");
    is(messages("INSERT INTO $table SELECT id, vq_row(id, $dims) FROM generate_series(1, $rows / 2) id"), '', "$table: filled again, on the full disk");
    is_complete($node, $table, $query, "$table, filled again");

    $node->safe_psql('postgres', "DELETE FROM $table WHERE id % 2 = 0");
    messages("VACUUM $table");
    free_disk();
    is(messages("VACUUM $table"), '', "$table: no warning when there is room");
    is(stat_of($table, 'dead_rows'), '0', "$table: rewritten when there is room");
    is_complete($node, $table, $query, "$table, in the end");
    $node->safe_psql('postgres', "DROP TABLE $table");
    return;
}

for my $am (access_methods())
{
    with_full_disk($am, "plain_$am", 'nlist = 12');
    with_full_disk($am, "fine_$am", "nlist = 12, refine = true, refine_type = 'SQ8', " . variant($am, 1));
}

ok(!crashed($node), 'no backend crashed');
$node->stop;
done_testing();
