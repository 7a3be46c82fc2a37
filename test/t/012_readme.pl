# Documentation that cannot rot: every command of the README and of docs/queries.md is run. SQL blocks run one after the other in a database of their own,
# as a reader would type them; what they leave is looked at. Shell lines must be those that a test runs: here, or the one
# named below.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Installation;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my %installation = copy_installation();
my $real = provide_pgvector(%installation);
my $node = PostgreSQL::Test::Cluster->new('readme', install_path => $installation{install_path});
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\n");
$node->start;
my $folder = PostgreSQL::Test::Utils::tempdir();

# Shell lines that run elsewhere, and where.
my %elsewhere = (
    'bash test/check.sh'                                        => 'this test is one of it',
    'bash demo/run.sh "look inside network traffic captures"'  => 'needs a network: run on a bare Debian before a release',
    'apt-get install postgresql-15 postgresql-server-dev-15 g++ make libxsimd-dev' => 'test/check.sh installs these',
    'make && make install'                                      => 'test/check.sh');

# A block's SQL with what a reader fills in: vectors, and rows where they are to be loaded.
sub filled
{
    my ($sql) = @_;
    my $rows = q{INSERT INTO items SELECT i, (ARRAY['cs.RO', 'cs.CL', 'math.NT'])[1 + i % 3],
        (SELECT array_agg(sin(i * 12.9898 + d * i * 78.233) ORDER BY d) FROM generate_series(1, 384) d)::real[]::vector
        FROM generate_series(1, 3000) i;};
    my $queries = q{INSERT INTO query_log (embedding)
        SELECT (SELECT array_agg(sin(i * 7.77 + d * i * 41.3) ORDER BY d) FROM generate_series(1, 384) d)::real[]::vector
        FROM generate_series(1, 500) i;};
    my $literal = "'[" . join(',', map { sprintf '%.3f', sin($_ * 1.7) } 1 .. 384) . "]'";
    $sql =~ s/^-- load the rows.*$/$rows/m;
    $sql =~ s/^-- load the queries.*$/$queries/m;
    $sql =~ s/'\[\.\.\.\]'/$literal/g;
    return $sql;
}

# Blocks of the README in order: [language, text, line, database]. A comment <!-- database NAME --> begins a new database.
sub blocks
{
    my ($file) = @_;
    my ($database, $number, $language, $start, $text, @blocks) = ('main', 0);
    for my $line (split /\n/, slurp_file($file), -1)
    {
        $number++;
        if (defined $language)
        {
            if ($line =~ /^```/) { push @blocks, [ $language, $text, $start, $database ]; undef $language; }
            else                 { $text .= "$line\n"; }
        }
        elsif ($line =~ /^```(\w*)/)             { ($language, $start, $text) = ($1, $number, ''); }
        elsif ($line =~ /^<!-- database (\w+)/) { $database = $1; }
    }
    return @blocks;
}

my %made;

sub database
{
    my ($name) = @_;
    return if $made{$name}++;
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    # The reader of the parts about pgvector has it, and a table.
    $node->safe_psql($name, filled(q{CREATE EXTENSION vector;
        CREATE TABLE items (id bigint PRIMARY KEY, category text, embedding vector(384));
        -- load the rows
        })) if $name =~ /^pgvector/;
    $node->safe_psql($name, 'CREATE INDEX items_hnsw ON items USING hnsw (embedding vector_cosine_ops)') if $name =~ /^pgvector/ && $real;
    $node->safe_psql($name, 'CREATE INDEX items_hnsw ON items (id)') if $name =~ /^pgvector/ && !$real;
    return;
}

sub run_sql
{
    my ($sql, $name, $where) = @_;
    database($name);
    my $file = "$folder/block.sql";
    unlink $file;
    append_to_file($file, filled($sql));
    my ($out, $err) = ('', '');
    my $good = IPC::Run::run([ 'psql', '-XAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($name), '-f', $file ], '>', \$out, '2>', \$err);
    ok($good, "$where runs") or diag($err);
    unlike($err, qr/ERROR|WARNING/, "$where: without a complaint");
    return $out;
}

my ($sql, $shell) = (0, 0);
for my $block (map { my $page = $_; map { [ @$_, $page ] } blocks("$FindBin::Bin/../../$page") } 'README.md', 'docs/queries.md')
{
    my ($language, $text, $line, $database, $page) = @$block;
    my $where = "$page line $line";
    if ($language eq 'sql')
    {
        $sql++;
        my $out = run_sql($text, $database, $where);
        # Answers that are told behind a query.
        for my $told ($text =~ /;\s+-- ((?:\d+ \w+(?:, )?)+)$/gm)
        {
            my $rows = join("\n", map { s/ /|/r } split /, /, $told);
            like($out, qr/^\Q$rows\E$/m, "$where: $told");
        }
        # Every query in distance order is one that an index answers.
        while ($text =~ /^(SELECT [^;]*? ORDER BY embedding [^;]*? LIMIT \d+);/gms)
        {
            my $plan = $node->safe_psql($database, filled("SET enable_seqscan = off; EXPLAIN (COSTS OFF) $1"));
            like($plan, qr/Index Scan using/, "$where: an index serves it");
        }
        next;
    }
    for my $command (grep { /\S/ } split /\n/, $text)
    {
        $command =~ s/\s+#.*//;
        $shell++;
        if ($command =~ /^(pg_dump|pg_restore|createdb|psql)\b/)
        {
            local $ENV{PGHOST} = $node->host;
            local $ENV{PGPORT} = $node->port;
            local $ENV{PGDATABASE};
            my ($out, $err) = ('', '');
            ok(IPC::Run::run([ 'sh', '-c', "cd $folder && $command" ], '>', \$out, '2>', \$err), "$where: $command") or diag($err);
        }
        else
        {
            ok(exists $elsewhere{$command}, "$where: $command: " . ($elsewhere{$command} // 'no test runs it'));
        }
    }
}
cmp_ok($sql,   '>', 8, 'SQL blocks');
cmp_ok($shell, '>', 3, 'shell lines');

# What the reader ends up with is sound.
for my $name (sort keys %made)
{
    next unless $node->safe_psql($name, q{SELECT count(*) FROM pg_extension WHERE extname = 'vector_quant'});
    is($node->safe_psql($name, 'SELECT count(*) FROM vector_quant_indexes() WHERE NOT valid'), 0, "$name: all indexes are valid");
    $node->safe_psql($name, 'SELECT vector_quant_index_check(index, true) FROM vector_quant_indexes()');
}

# Every option and setting is in the README's table, with its default and range.
my $readme = slurp_file("$FindBin::Bin/../../README.md");
for my $setting (split /\n/, $node->safe_psql('main', q{LOAD 'vector_quant'; SELECT name FROM pg_settings WHERE name ~ '^(vector_quant|ivf_rabitq|scann|wrvq)\.'}))
{
    my $common = $setting =~ s/^(ivf_rabitq|scann|wrvq)\./<am>./r;
    ok($readme =~ /^\| `\Q$setting\E`/m || $readme =~ /^\| `\Q$common\E`/m, "$setting is explained");
}
for my $function (split /\n/, $node->safe_psql('main', q{SELECT DISTINCT proname FROM pg_proc WHERE proname ~ '^vector_quant_' AND NOT (proname ~ 'metric|element|guard|key')}))
{
    like($readme, qr/^\| `\Q$function\E\(/m, "$function() is explained");
}

done_testing();
