"""Bundles that are wrong in one way, made from a seed, and the trial of each through verify and import.

draft       a good bundle taken apart: changed, signed again if its signer is to be the forger, put together
iso         where the structures of an ISO 9660 image lie
mutations   the families, and the generator over all of them
unsigned    mutations of the bytes: what anybody can do who holds a medium
structure   mutations of the directories and descriptors: the same hands, with knowledge of ISO 9660
signatures  mutations of the signature
indexes, layers, documents  mutations that are signed: what a thief of the key, or a signer who errs, can do
trial       one mutated bundle through verify and import, and what is wrong about the outcome
campaign    many trials, in several processes, and a table of them
"""
