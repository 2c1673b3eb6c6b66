"""The media-watch edge: offers paths that may hold a new medium; the library finds out whether they do.

inotify      the kernel's messages about a folder
folder       the files of the folder that are to be read
uevents      the kernel's messages about block devices
drives       the devices in the settings that are to be read
watch        the thread that waits for both
"""
