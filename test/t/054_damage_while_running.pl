# Pages that change on disk while the server runs, and sessions that have used the index before: they have it in their caches, a cursor on its way
# through it, and know where its pages were in shared buffers. Right rows, or an error that says so and names the remedy; never a crash, a hang, much
# memory or another error; and REINDEX helps all sessions. What 008_damage does to a stopped server; test/trust.sh does this, too, as often as it is told.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;
use Damage;

my $dims   = 20;
my $rounds = $ENV{VQ_DAMAGE_ROUNDS} || 1;
my $seed   = $ENV{VQ_DAMAGE_SEED}   || 42;
my $limit  = 100 * 1024; # kB of memory, after all rounds
my $buffers = 128;
my $node  = new_node('running', "statement_timeout = '30s'", 'restart_after_crash = on', "shared_buffers = ${buffers}", 'checkpoint_timeout = 1h', 'max_parallel_maintenance_workers = 0');
my $query = query_vector($node, $dims, 1);
$node->stop;
disable_checksums($node);
$node->start;
srand($seed);
note("seed $seed");

sub sql { return $node->safe_psql('postgres', $_[0]); }

# The right rows; and a table that fills shared buffers: as many times a page is read, one that was used five times stays.
my $pages = 8 * $buffers;
sql("CREATE TABLE vectors AS SELECT id, vq_row(id, $dims) AS v FROM generate_series(1, 570) id; CREATE UNIQUE INDEX ON vectors (id);
    CREATE TABLE filler (pad text); ALTER TABLE filler ALTER COLUMN pad SET STORAGE PLAIN; INSERT INTO filler SELECT repeat('x', 7000) FROM generate_series(1, $pages)");
sub evict
{
    return sql("CHECKPOINT; SELECT count(*) FROM filler WHERE ctid = ANY (ARRAY(SELECT format('(%s,1)', n)::tid FROM generate_series(0, $pages - 1) n))");
}

my @tables = damage_tables(12);
for my $t (@tables)
{
    my $filters = $t->{filters} ? ", $t->{filters}" : '';
    sql("SET client_min_messages = warning; CREATE TABLE $t->{name} (id bigint PRIMARY KEY, v vector($dims)); CREATE INDEX $t->{name}_v ON $t->{name} USING $t->{am} (v$filters) WITH ($t->{with})");
}

# A session that stays, and what it said since it was last asked.
sub new_session
{
    my $session = $node->background_psql('postgres', on_error_stop => 0, timeout => 36000);
    $session->query('\set VERBOSITY verbose' . "\nSET client_min_messages = warning; SET enable_seqscan = off; SET enable_sort = off");
    return $session;
}

# Output and errors of statements, in one session. Undefined where it is gone.
sub say_to
{
    my ($session, @statements) = @_;
    $session->{stderr} = '';
    my $out = eval { $session->query(join(";\n", @statements)) };
    return ($out // 'gone', $session->{stderr} . ($out // 'no connection'));
}

# A scan's rows: "t", or "f" where one is not as in the table of right rows.
my $same = "count(*) <= 600 AND bool_and(v = (SELECT v FROM vectors r WHERE r.id = n.id)) IS NOT false";
sub scan
{
    my ($table, $where, $limit) = @_;
    return "SELECT $same FROM (SELECT id, v FROM $table $where ORDER BY v <-> $query $limit) n";
}
sub scans { my ($table) = @_; return map { my $where = $_; map { scan($table, $where, $_) } 'LIMIT 10', '' } '', 'WHERE id % 7 = 3 AND id > 50'; }

# What the session says of the memory that it has had at most.
my $most_kb = q{SELECT 'kB ' || substring(pg_read_file('/proc/self/status', 0, 10000) from 'VmHWM:\s+(\d+)')};

# The index with rows in tiles and open ones, as new or worn: with dead rows and freed pages. Used by both sessions, and nothing of it in shared buffers.
sub prepare
{
    my ($t, $reader, $writer, $worn) = @_;
    my $table = $t->{name};
    my @wear = $worn ? ("DELETE FROM $table WHERE id % 3 = 1", "VACUUM $table", "DELETE FROM $table WHERE id % 10 = 0", "VACUUM $table") : ();
    say_to($writer, "TRUNCATE $table", "INSERT INTO $table SELECT * FROM vectors WHERE id <= 500", "REINDEX INDEX ${table}_v", @wear,
        "INSERT INTO $table SELECT * FROM vectors WHERE id BETWEEN 501 AND 560", scans($table));
    say_to($reader, scans($table), "SELECT vector_quant_index_check('${table}_v')", 'BEGIN',
        "DECLARE c CURSOR FOR SELECT id, v = (SELECT v FROM vectors r WHERE r.id = n.id) FROM (SELECT id, v FROM $table ORDER BY v <-> $query) n", 'FETCH 5 FROM c');
    evict();
    return $node->data_dir . '/' . sql("SELECT pg_relation_filepath('${table}_v')");
}

# What all sessions say of the damaged index, the old ones and a new one; then REINDEX, and scans of both.
sub use_damaged
{
    my ($table, $reader, $writer) = @_;
    my @reads = (scans($table), "SELECT vector_quant_index_check('${table}_v')",
        map { "SELECT count(*) FROM vector_quant_$_" } "index_stats('${table}_v')", "recall('${table}_v', 5, 20)", "prewarm('${table}_v')");
    my ($out, $err) = ('', '');
    my @said = ([ say_to($reader, 'FETCH ALL FROM c', 'COMMIT', @reads, $most_kb) ],
        [ say_to($writer, "INSERT INTO $table SELECT * FROM vectors WHERE id > 560", "DELETE FROM $table WHERE id % 3 = 0", "VACUUM $table", scans($table), $most_kb) ]);
    $node->psql('postgres', join(";\n", '\set VERBOSITY verbose' . "\nSET enable_seqscan = off", @reads, 'SELECT 1'), stdout => \$out, stderr => \$err, on_error_stop => 0);
    push @said, [ $out, $err ], [ say_to($reader, @reads, "DELETE FROM $table WHERE id % 11 = 0") ];
    my ($repaired) = say_to($writer, "REINDEX INDEX ${table}_v", scan($table, '', ''));
    my ($seen) = say_to($reader, scan($table, '', ''), "SELECT 'sound' || vector_quant_index_check('${table}_v', true)::text");
    return (join("\n", map { $_->[0] } @said), join("\n", map { $_->[1] } @said), $repaired =~ /^t$/m && $seen =~ /^t\nsound$/m);
}

my ($reader, $writer) = (new_session(), new_session());

# --- open rows that are said to be of one list by themselves and of another by their page's end, which is what a scan looks at first

for my $t (grep { $_->{with} eq 'nlist = 8' && !$_->{only} } @tables)
{
    my $table = $t->{name};
    my $file = prepare($t, $reader, $writer);
    cmp_ok(move_open_rows($file), '>', 50, "$table: open rows of other lists");
    my ($out, $err) = say_to($reader, 'COMMIT', "SET $t->{am}.nprobe = 1", "SELECT count((SELECT id FROM $table ORDER BY v <-> q.v LIMIT 1)) FROM vectors q WHERE id <= 100", "RESET $t->{am}.nprobe");
    like($err, qr/ERROR:  XX002: index "${table}_v" is corrupted at block \d+: list number beside a row of another list/, 'a scan of some lists says so');
    ($out, $err) = say_to($writer, "SELECT vector_quant_index_check('${table}_v')", "REINDEX INDEX ${table}_v", scan($table, '', ''));
    like($err, qr/XX002: .* list number beside a row of another list/, 'and the check');
    like($out, qr/^t$/m, 'REINDEX helps');
}

# --- any damage

my ($most, %seen, @wrong) = (0);
for my $round (1 .. $rounds)
{
    for my $t (@tables)
    {
        my $table = $t->{name};
        my $worn = rand() < 0.5;
        my $file = prepare($t, $reader, $writer, $worn);
        my ($what, $must) = damage($file, $worn && rand() < 0.3 ? 'freed' : kind_of_round($t, $round));
        my ($out, $err, $helped) = use_damaged($table, $reader, $writer);
        next unless $what;
        my $report = "round $round, $table ($what): ";
        my @errors = errors_in($err);
        $seen{ $t->{am} . ' ' . $what =~ s/ .*//r }{ @errors ? 'reported' : 'answered' }++;
        push @wrong, map { "$report$_" } wrong_errors($err);
        push @wrong, $report . 'not noticed'           if $must && !@errors;
        push @wrong, $report . 'wrong rows'            if $out =~ /^(\d+\|)?f$/m;
        push @wrong, $report . 'REINDEX did not help'  if !$helped;
        $most = (sort { $b <=> $a } $most, $out =~ /^kB (\d+)$/mg)[0];
        if ($err =~ /closed the connection|no connection|terminat|recovery mode/)
        {
            push @wrong, $report . 'server crashed';
            wait_for_recovery($node);
            ($reader, $writer) = (new_session(), new_session());
        }
    }
}

kinds_are_right(\%seen, \@wrong);
cmp_ok($most, '<', $limit, "memory of the sessions, of all rounds: $most kB");
note("most memory: $most kB");
ok(!crashed($node), 'no server process died');
done_testing();
