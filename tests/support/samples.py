"""The beginnings of files, one for each type that is shown as an image, as audio or as video."""

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
OPUS = b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x01"
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"

FILES = {
    "image/jpeg": JPEG,
    "image/png": PNG,
    "audio/aac": b"\xff\xf1\x50\x80",
    "audio/amr": b"#!AMR\n\x3c",
    "audio/mpeg": b"ID3\x04\x00",
    "audio/mp4": b"\x00\x00\x00\x1cftypM4A \x00\x00\x00\x00",
    "audio/ogg": OPUS,
    "video/mp4": MP4,
    "video/3gpp": b"\x00\x00\x00\x14ftyp3gp4\x00\x00\x00\x00",
}
PDF = b"%PDF-1.7\n"
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 "
