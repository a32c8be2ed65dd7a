//! CRC32C (Castagnoli), with which Cloud KMS guards the transfer
//! ([RFC 3720, 12.1](https://www.rfc-editor.org/rfc/rfc3720#section-12.1)).

pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg())
        })
    });
    !crc
}

#[cfg(test)]
mod tests {
    #[test]
    fn check_values_of_the_rfc() {
        assert_eq!(super::crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(super::crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(super::crc32c(b""), 0);
    }
}
