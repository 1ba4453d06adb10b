"""Coverage-guided fuzzing of what strangers can send; see ``fuzz/README.md``.

python -m fuzz.token          a token, from its text to its claims
python -m fuzz.authorization  the Authorization header, and the challenge in return
python -m fuzz.jwks           what an issuer's JWK Set address answers
python -m fuzz.metadata       what an issuer's metadata address answers
"""
