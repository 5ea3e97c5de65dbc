/// `e=` and `p=` (RFC 8866 §5.6, §9).
extension Grammar {
    /// `address-and-comment / dispname-and-address / addr-spec`
    static func isEmailAddress(_ octets: Octets) -> Bool {
        if let (before, inside) = bracketed(octets, UInt8(ascii: "("), UInt8(ascii: ")")) {
            let address = trimmedRight(before)
            return address.count < before.count && isAddressSpec(address) && isEmailSafe(inside)
        }
        if let (before, inside) = bracketed(octets, UInt8(ascii: "<"), UInt8(ascii: ">")) {
            return before.count >= 2 && before.last == space && isEmailSafe(before) && isAddressSpec(inside)
        }
        return isAddressSpec(octets)
    }

    /// `phone *SP "(" 1*email-safe ")" / 1*email-safe "<" phone ">" / phone`
    static func isPhoneNumber(_ octets: Octets) -> Bool {
        if let (before, inside) = bracketed(octets, UInt8(ascii: "("), UInt8(ascii: ")")) {
            return isPhone(before) && isEmailSafe(inside)
        }
        if let (before, inside) = bracketed(octets, UInt8(ascii: "<"), UInt8(ascii: ">")) {
            return isEmailSafe(before) && isPhone(inside)
        }
        return isPhone(octets)
    }

    /// `phone = ["+"] DIGIT 1*(SP / "-" / DIGIT)`
    private static func isPhone(_ octets: Octets) -> Bool {
        let digits = octets.first == UInt8(ascii: "+") ? octets.dropFirst() : octets
        guard let first = digits.first, isDigit(first), digits.count >= 2 else { return false }
        return digits.allSatisfy { isDigit($0) || $0 == space || $0 == UInt8(ascii: "-") }
    }

    /// RFC 5322 `addr-spec` without comments and folding: `local@domain`, local a dot-atom or a quoted string.
    private static func isAddressSpec(_ octets: Octets) -> Bool {
        guard let at = octets.lastIndex(of: UInt8(ascii: "@")) else { return false }
        let local = octets[..<at]
        let domain = octets[(at + 1)...]
        let quoted =
            local.count >= 2 && local.first == 0x22 && local.last == 0x22
            && local.dropFirst().dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        let literal =
            domain.first == UInt8(ascii: "[") && domain.last == UInt8(ascii: "]")
            && domain.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        return (quoted || isDotAtom(local)) && (literal || isDotAtom(domain))
    }

    private static func isDotAtom(_ octets: Octets) -> Bool {
        octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty
                && atom.allSatisfy { octet in
                    octet > 0x20 && octet != 0x7F && !"()<>[]:;@\\,.\"".utf8.contains(octet)
                }
        }
    }

    /// `1*email-safe`: any octet but NUL, CR, LF and `()<>`
    private static func isEmailSafe(_ octets: Octets) -> Bool {
        !octets.isEmpty && octets.allSatisfy { isByteStringOctet($0) && !"()<>".utf8.contains($0) }
    }

    /// `before OPEN inside CLOSE`, the closing octet being the last.
    private static func bracketed(_ octets: Octets, _ open: UInt8, _ close: UInt8) -> (Octets, Octets)? {
        guard octets.last == close, let start = octets.firstIndex(of: open) else { return nil }
        return (octets[..<start], octets[(start + 1)...].dropLast())
    }

    private static func trimmedRight(_ octets: Octets) -> Octets {
        var octets = octets
        while octets.last == space { octets.removeLast() }
        return octets
    }
}
