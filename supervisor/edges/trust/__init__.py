"""The trust edge: documents of TUF, keys and signatures, and the files in which a router keeps what it trusts.

safety       whether others may change a file or folder of keys
folder       the folder of plain public keys, which is the root of version 0
documents    root documents, statements and revocation lists as values, and whose signatures on them are good
papers       the signed papers of one medium
chain        roots that follow each other, and what their keys signed
judging      papers and what is known to a judgement
store        what outlives the supervisor: the newest root, revocations, floors
making       the other side: documents are made and signed, by one person after the other

Documents are those of the TUF specification 1.0, read and written by python-tuf; docs/trust.md lists what was taken
over.
"""
