//! CRC32C (Castagnoli), with which Cloud KMS guards the transfer
//! ([data integrity](https://cloud.google.com/kms/docs/data-integrity-guidelines)).

/// Bit by bit: the data have some hundred bytes.
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
    /// [RFC 3720, B.4](https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4), and the check value of
    /// the catalogues of CRCs.
    #[test]
    fn known_values() {
        assert_eq!(super::crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(super::crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(super::crc32c(&[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(super::crc32c(b""), 0);
    }
}
