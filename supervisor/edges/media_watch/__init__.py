"""The media-watch edge: tells that a path may hold a new medium. Whether it does is for the library to find out.

inotify      what the kernel says of a folder
folder       which files of the folder are to be looked at
uevents      what the kernel says of block devices
drives       which of the devices in the settings are to be looked at
watch        the thread that waits for both
"""
