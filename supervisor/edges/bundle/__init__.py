"""The bundle edge: the content of an ISO, verified before anything is used.

medium       files of an ISO 9660 medium, without mounting it
directories  where these files are, and how little of a forged answer about it is believed
directory_reader  the process without rights that reads the directories
papers       what is signed apart from the index: handed to the trust edge
keys         Ed25519 key pairs and signatures
index        bundle.json to values and back, with every fault named
definition   which files of a service folder travel, and their common digest
stream       one image as the docker-archive that both engines load
reader       the way in: Bundle.open, verify_all, image_stream, definition
build        the way out: images and service folders to a signed ISO
sealing      trust documents onto an ISO that is written already
"""
