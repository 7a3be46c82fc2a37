-- distances of bit strings, which binary_quantize makes of vectors

CREATE FUNCTION hamming_distance(bit, bit) RETURNS double precision
  AS 'MODULE_PATHNAME', 'vq_hamming_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hamming_distance(bit, bit) IS 'number of bits that differ';

CREATE FUNCTION jaccard_distance(bit, bit) RETURNS double precision
  AS 'MODULE_PATHNAME', 'vq_jaccard_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION jaccard_distance(bit, bit) IS '1 - bits set in both / bits set in either';

CREATE OPERATOR <~> (LEFTARG = bit, RIGHTARG = bit, FUNCTION = hamming_distance, COMMUTATOR = <~>);
COMMENT ON OPERATOR <~> (bit, bit) IS 'number of bits that differ';

CREATE OPERATOR <%> (LEFTARG = bit, RIGHTARG = bit, FUNCTION = jaccard_distance, COMMUTATOR = <%>);
COMMENT ON OPERATOR <%> (bit, bit) IS '1 - bits set in both / bits set in either';
