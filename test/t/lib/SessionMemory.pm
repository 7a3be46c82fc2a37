# The memory of a session, as SQL that it runs itself. PostgreSQL 13 has no view of memory contexts: there it is what the session has of
# its own beyond shared memory, which is coarser.
package SessionMemory;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(private_kb session_bytes scan_bytes build_left has_contexts);

sub version { my ($node) = @_; return $node->safe_psql('postgres', 'SHOW server_version_num') }

sub has_contexts { my ($node) = @_; return version($node) >= 140000 }

# Pages in use beyond shared memory.
sub private_kb { return q{(SELECT sum(m[1]::bigint) FROM regexp_matches(pg_read_file('/proc/self/status', 0, 10000), 'RssAnon:\s+(\d+)', 'g') m)} }

# Bytes of all contexts.
sub session_bytes
{
    my ($node) = @_;
    return has_contexts($node) ? '(SELECT sum(total_bytes) FROM pg_backend_memory_contexts)' : '1024 * ' . private_kb();
}

# Bytes of a scan's context and those in it; on 13 of the session. From 18 on the view has a context's path instead of its parent's name.
sub scan_bytes
{
    my ($node) = @_;
    return session_bytes($node) unless has_contexts($node);
    return q{(SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE 'vector_quant scan' IN (name, parent))} if version($node) < 180000;
    return q{(WITH m AS MATERIALIZED (SELECT * FROM pg_backend_memory_contexts)
        SELECT sum(total_bytes) FROM m WHERE path && (SELECT array_agg(path[level]) FROM m WHERE name = 'vector_quant scan'))};
}

# How many contexts a build that ended has left; on 13 whether the session has more than one needs that did not build.
sub build_left
{
    my ($node) = @_;
    return has_contexts($node) ? q{(SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'vector_quant%')} : '(' . private_kb() . ' > 16384)::int';
}

1;
