# Documentation that cannot rot: every command of the README and of docs/ is run. SQL blocks run one after the other, as a reader would
# type them; what they leave is looked at. Shell lines must be those that a test runs: here, or the one named below. Settings, functions,
# what the types have, and errors: all are on their page.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Installation;
use Pages;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use VectorQuant;

my $root = "$FindBin::Bin/../..";
my %installation = copy_installation();
my $real = provide_pgvector(%installation);
my $node = PostgreSQL::Test::Cluster->new('readme', install_path => $installation{install_path});
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\n");
$node->start;
my $folder = PostgreSQL::Test::Utils::tempdir();

sub page { return slurp_file("$root/$_[0]"); }

# --- shell lines

# Lines that run elsewhere, and where.
my %elsewhere = (
    'bash test/check.sh'                                       => 'this test is one of it',
    'bash demo/run.sh "look inside network traffic captures"' => 'needs a network: run on a bare Debian before a release',
    'make clean'                                               => 'test/packaging.sh');
$elsewhere{$_} = 'test/install.sh' for map { shell_lines($_) } blocks("$root/docs/install.md");
$elsewhere{$_} = '048_loading' for grep { m{^bash tools/load\.sh } } map { shell_lines($_) } blocks("$root/docs/loading.md");

sub run_shell
{
    my ($command, $where) = @_;
    if ($command !~ /^(pg_dump|pg_restore|createdb|psql)\b/)
    {
        ok(exists $elsewhere{$command}, "$where: $command: " . ($elsewhere{$command} // 'no test runs it'));
        return;
    }
    local $ENV{PGHOST} = $node->host;
    local $ENV{PGPORT} = $node->port;
    local $ENV{PGDATABASE};
    my ($out, $err) = ('', '');
    ok(IPC::Run::run([ 'sh', '-c', "cd $folder && $command" ], '>', \$out, '2>', \$err), "$where: $command") or diag($err);
    return;
}

# --- SQL

my %made;

sub database
{
    my ($name, $like) = @_;
    return if $made{$name}++;
    my $template = $like eq 'items' ? 'TEMPLATE main' : '';
    $node->safe_psql('postgres', "CREATE DATABASE $name $template");
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
    my $file = "$folder/block.sql";
    unlink $file;
    append_to_file($file, filled($sql));
    my ($out, $err) = ('', '');
    my $good = IPC::Run::run([ 'psql', '-XAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($name), '-f', $file ], '>', \$out, '2>', \$err);
    ok($good, "$where runs") or diag($err);
    unlike($err, qr/ERROR|WARNING/, "$where: without a complaint");
    # Answers that are told behind a query.
    for my $told ($sql =~ /;\s+-- ((?:\d+ \w+(?:, )?)+)$/gm)
    {
        my $rows = join("\n", map { s/ /|/r } split /, /, $told);
        like($out, qr/^\Q$rows\E$/m, "$where: $told");
    }
    # Every query in distance order is one that an index answers.
    while ($sql =~ /^(SELECT [^;]*? ORDER BY embedding [^;]*? LIMIT \d+);/gms)
    {
        my $plan = $node->safe_psql($name, filled("SET enable_seqscan = off; EXPLAIN (COSTS OFF) $1"));
        like($plan, qr/Index Scan using/, "$where: an index serves it");
    }
    return;
}

my ($sql, $shell) = (0, 0);
for my $page (pages($root))
{
    for my $block (blocks("$root/$page"))
    {
        my $where = "$page line $block->{line}";
        if ($block->{server})
        {
            ok(-e "$root/$block->{runs}" && page($block->{runs}) =~ /\Q$block->{server}\E/, "$where: $block->{runs} runs it for $block->{server}");
            next;
        }
        database($block->{database}, $block->{like}) if $block->{database};
        if ($block->{language} eq 'sql')
        {
            $sql++;
            run_sql($block->{text}, $block->{database}, $where);
        }
        for my $command (shell_lines($block))
        {
            $shell++;
            run_shell($command, $where);
        }
    }
    # Pages stand by themselves.
    $node->safe_psql('postgres', 'ALTER ROLE CURRENT_USER RESET ALL');
}
cmp_ok($sql,   '>', 45, 'SQL blocks');
cmp_ok($shell, '>', 15, 'shell lines');

# What the reader ends up with is sound.
for my $name (sort keys %made)
{
    next unless $node->safe_psql($name, q{SELECT count(*) FROM pg_extension WHERE extname = 'vector_quant'});
    is($node->safe_psql($name, 'SELECT count(*) FROM vector_quant_indexes() WHERE NOT valid'), 0, "$name: all indexes are valid");
    $node->safe_psql($name, 'SELECT vector_quant_index_check(index, true) FROM vector_quant_indexes()');
}

# --- completeness

# Every option and setting is in the table, with its default and range, and every function.
my $options = page('docs/options.md');
for my $setting (split /\n/, $node->safe_psql('main', q{LOAD 'vector_quant'; SELECT name FROM pg_settings WHERE name ~ '^(vector_quant|ivf_rabitq|scann|wrvq)\.'}))
{
    my $common = $setting =~ s/^(ivf_rabitq|scann|wrvq)\./<am>./r;
    ok($options =~ /^\| `\Q$setting\E`/m || $options =~ /^\| `\Q$common\E`/m, "$setting is explained");
}
for my $function (split /\n/, $node->safe_psql('main', q{SELECT DISTINCT proname FROM pg_proc WHERE proname ~ '^vector_quant_' AND NOT (proname ~ 'metric|element|guard|key')}))
{
    like($options, qr/^\| `\Q$function\E\(/m, "$function() is explained");
}

# So is what the types bring: operators, and functions but for those that other objects are made of.
my $types = page('docs/types.md');
for my $operator (split /\n/, $node->safe_psql('types', q{SELECT DISTINCT oprname FROM pg_operator WHERE oprleft IN ('vector'::regtype, 'halfvec'::regtype)}))
{
    my $written = $operator =~ s/\|/\\|/gr;
    like($types, qr/^\|[^|]*(?:\\\|[^|]*)*`\Q$written\E`/m, "operator $operator of the types is explained");
}
for my $function (split /\n/, $node->safe_psql('types', q{
    SELECT DISTINCT proname FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    WHERE (p.proargtypes::oid[] && ARRAY['vector'::regtype, 'halfvec'::regtype]::oid[]) AND NOT EXISTS (SELECT FROM pg_cast WHERE castfunc = p.oid)
        AND proname !~ '^vector_quant' AND proname !~ '^(vector|halfvec)_(out|send|accum|cmp|add|sub|mul|concat|lt|le|eq|ne|ge|gt)$'}))
{
    like($types, qr/`\Q$function\E\(/, "$function() of the types is explained");
}

# --- errors

# A row of the page for each: statement, SQLSTATE, what is in the message's column.
my $errors = page('docs/errors.md');
$node->safe_psql('main', q{CREATE TABLE e (id int, v vector(3), w vector, h halfvec(3), p point); INSERT INTO e VALUES (1, '[1,2,3]');
    CREATE INDEX e_v ON e USING scann (v); CREATE INDEX e_id ON e (id); CREATE ROLE plain});
for my $case (
    [ q{CREATE INDEX ON e USING scann (w)},                                  '22023', 'column does not have dimensions' ],
    [ q{CREATE INDEX ON e USING scann (h vector_l2_ops)},                    '42804', 'operator class "vector_l2_ops" does not accept data type halfvec' ],
    [ q{CREATE INDEX ON e USING scann (v, p)},                               '42704', 'data type ... has no default operator class for access method' ],
    [ q{CREATE INDEX ON e USING scann (id)},                                 '0A000', 'first column ... is not a vector' ],
    [ q{CREATE INDEX ON e USING scann (v, h)},                               '0A000', 'column ... is a second vector' ],
    [ q{CREATE INDEX ON e USING scann (v, id, id, id, id, id, id, id, id)},  '54011', 'cannot use more than ... columns in an index' ],
    [ q{CREATE INDEX ON e USING scann (v) WITH (lists = 5)},                 '22023', 'unrecognized parameter ...' ],
    [ q{CREATE INDEX ON e USING scann (v) WITH (refine_type = 'SQ7')},       '22023', 'invalid value for ...' ],
    [ q{CREATE INDEX ON e USING scann (v) WITH (nlist = -1)},                '22023', 'value ... out of bounds for option ...' ],
    [ q{SET maintenance_work_mem = '1MB'; CREATE INDEX ON items USING scann (embedding) WITH (nlist = 60000)}, '54000', 'memory required is ... MB, maintenance_work_mem is ... MB' ],
    [ q{INSERT INTO e VALUES (1, '[1,2]')},                                  '22000', 'expected 384 dimensions, not 3' ],
    [ q{SET enable_seqscan = off; SELECT id FROM e ORDER BY v <-> '[1]' LIMIT 1}, '22000', 'different vector dimensions 384 and 3' ],
    [ q{SELECT id FROM e ORDER BY v <-> ARRAY[1.5] LIMIT 1},                 '42883', 'operator does not exist: vector <-> numeric[]' ],
    [ q{SELECT '[1,'::vector},                                               '22P02', 'invalid input syntax for type vector: ...' ],
    [ q{SELECT '[nan]'::vector},                                             '22000', 'NaN not allowed in vector' ],
    [ q{SELECT '[1e39]'::vector},                                            '22003', '... is out of range for type vector' ],
    [ q{SELECT '[3e38]'::vector + '[3e38]'},                                 '22003', 'value out of range: overflow' ],
    [ q{SELECT '[]'::vector},                                                '22000', 'vector must have at least 1 dimension' ],
    [ q{SELECT array_fill(1::real, ARRAY[16001])::vector},                   '54000', 'vector cannot have more than 16000 dimensions' ],
    [ q{SELECT '[1]'::vector(0)},                                            '22023', 'dimensions for type vector must be at least 1' ],
    [ q{SELECT ARRAY[[1]]::vector},                                          '22000', 'array must be 1-D' ],
    [ q{SELECT ARRAY[NULL]::int[]::vector},                                  '22004', 'array must not contain nulls' ],
    [ q{SELECT vector_quant_index_check('e_id')},                            '42809', '... is not an index of vector_quant' ],
    [ q{SELECT vector_quant_index_check('e')},                               '42809', '... is not an index' ],
    [ q{SELECT * FROM vector_quant_recall('e_v', queries => ARRAY['[1,2,3]'::halfvec])}, '42804', 'queries are of type ..., index ... is about ...' ],
    [ q{SELECT * FROM vector_quant_recall('e_v', queries => ARRAY[NULL::vector])}, '22004', 'query ... is NULL' ],
    [ q{SELECT * FROM vector_quant_recall('e_v', queries => ARRAY[]::vector[])}, '22023', 'there are no queries' ],
    [ q{SELECT * FROM vector_quant_calibrate('items_embedding_idx', queries => ARRAY['[...]'::vector])}, '22023', '... queries are too few to calibrate an index' ],
    [ q{SELECT * FROM vector_quant_calibrate('e_v', queries => array_fill('[1,2,3]'::vector, ARRAY[50]))}, '55000', 'index ... was built on too few rows to be calibrated' ],
    [ q{SET ROLE plain; ALTER ROLE CURRENT_USER SET vector_quant.target_recall = 0.9}, '42501', 'permission denied to set parameter "vector_quant.target_recall"' ],
    [ q{CREATE EXTENSION vector},                                            '42710', q{extension "vector" cannot be created where the types are vector_quant's own} ])
{
    my ($statement, $code, $written) = @$case;
    my ($out, $err) = ('', '');
    $node->psql('main', filled("\\set VERBOSITY verbose\n$statement"), stdout => \$out, stderr => \$err);
    my $message = join('.*', map { quotemeta } split /\.\.\.|\b384\b|\b3\b/, $written, -1);
    like($err, qr/ERROR:  \Q$code\E: .*$message/, "$statement: $written");
    ok($errors =~ /^\|[^|]*`\Q$written\E`[^|]*\|[^|]*\b\Q$code\E\b/m, "$code $written is explained");
}

done_testing();
