"""The bundle edge: the content of an ISO, verified before anything is used.

medium       files of an ISO 9660 medium, without mounting it
directories  where these files are, and how little of a forged answer about it is believed
directory_reader  the process without rights that reads the directories
papers       what is signed apart from the index: handed to the trust edge
keys         Ed25519 key pairs and signatures
index        bundle.json to values and back, with every fault named
definition   which files of a service folder travel, and their common digest
tar_scan     the entries of a layer, as its bytes go by
unpacking    what a layer unpacks to, measured without unpacking it anywhere
measured_images  the images of a bundle, judged whole, and the room that they take
layers       layers unpacked, compared with their digests, and the packages that they record
images       which layers each image has and where they are: on the medium, in the base, or as a difference
differences  one layer as a difference to another; delta makes them, images applies them
engine_layers  layers of a base from the engine's storage
sbom         bills of materials: read, and judged by their image
stream       one image as the docker-archive that both engines load
reader       the way in: Bundle.open, verify_all, image_stream, definition
build        the way out: images and service folders to a signed ISO
sealing      trust documents onto an ISO that is written already
"""
