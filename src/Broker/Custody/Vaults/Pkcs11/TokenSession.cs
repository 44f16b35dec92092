using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using Net.Pkcs11Interop.Common;
using Net.Pkcs11Interop.HighLevelAPI;
using ISession = Net.Pkcs11Interop.HighLevelAPI.ISession;

namespace TokenBroker.Custody.Vaults.Pkcs11;

/// <summary>A version of the KEK as the token holds it.</summary>
/// <param name="Id">CKA_ID in lower-case hexadecimal.</param>
/// <param name="StaysIn">Whether it is sensitive and cannot be extracted.</param>
/// <param name="IsEnabled">Whether it may encrypt and decrypt.</param>
internal sealed record TokenKey(string Id, bool StaysIn, bool IsEnabled)
{
    /// <summary>The ids' order: as unsigned numbers.</summary>
    public BigInteger Order => Id.Length == 0 ? BigInteger.Zero : BigInteger.Parse("0" + Id, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}

/// <summary>
/// A session of one token, logged in. It belongs to one thread. Keys are found by label and CKA_ID and their handles kept as
/// long as the session. It throws the library's own exceptions, but for what only it can tell apart.
/// </summary>
internal sealed class TokenSession : IDisposable
{
    public const int NonceSize = 12;
    public const int TagSize = 16;
    private readonly Dictionary<string, IObjectHandle> _handles = new(StringComparer.Ordinal);
    private readonly ISlot _slot;
    private readonly ISession _session;
    private readonly string _label;

    private TokenSession(ISlot slot, ISession session, string label, int generation) =>
        (_slot, _session, _label, Generation) = (slot, session, label, generation);

    /// <summary>Of the module, when it was opened.</summary>
    public int Generation { get; }

    private static Pkcs11InteropFactories Factories => Pkcs11Module.Factories;

    public static TokenSession Open(IPkcs11Library library, int generation, Pkcs11Options options, TokenPin pin)
    {
        var (slot, token) = FindToken(library, options);
        var session = slot.OpenSession(SessionType.ReadWrite);
        try
        {
            pin.Login(session, token);
            return new TokenSession(slot, session, options.KeyLabel, generation);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Every version, oldest first.</summary>
    public IReadOnlyList<TokenKey> Keys()
    {
        var keys = _session.FindAllObjects(Template()).Select(Describe).OrderBy(key => key.Order).ToList();
        if (keys.Count == 0)
        {
            RequireToken();
            if (_session.FindAllObjects([Attribute(CKA.CKA_LABEL, _label)]).Count > 0)
            {
                throw new VaultRefusedException($"The token has objects with the label '{_label}', but none is an AES key. Set Vault:Pkcs11:KeyLabel to a label of its own.");
            }
        }

        return keys.Any(key => key.Id.Length == 0) || keys.DistinctBy(key => key.Id).Count() < keys.Count
            ? throw new VaultRefusedException($"The keys with the label '{_label}' cannot be told apart: each needs a CKA_ID of its own.")
            : keys;
    }

    /// <summary>Makes a key that never leaves the token. Its id is one more than the newest's, and random below that, so that two who do this at one time make two.</summary>
    public string Generate(IReadOnlyList<TokenKey> before)
    {
        var generation = before.Count == 0 ? BigInteger.One : (before[^1].Order >> 32) + 1;
        if (generation > int.MaxValue)
        {
            throw new VaultRefusedException($"The newest key with the label '{_label}' has so long a CKA_ID that none can come after it. Set Vault:Pkcs11:KeyLabel to another label, and this one under Vault:Previous.");
        }

        var id = ((uint)generation).ToString("x8", CultureInfo.InvariantCulture) + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        _session.GenerateKey(
            Factories.MechanismFactory.Create(CKM.CKM_AES_KEY_GEN),
            [
                .. Template(), Attribute(CKA.CKA_ID, Convert.FromHexString(id)), Factories.ObjectAttributeFactory.Create(CKA.CKA_VALUE_LEN, 32UL),
                Attribute(CKA.CKA_PRIVATE, true), Attribute(CKA.CKA_SENSITIVE, true), Attribute(CKA.CKA_EXTRACTABLE, false),
                Attribute(CKA.CKA_ENCRYPT, true), Attribute(CKA.CKA_DECRYPT, true),
                Attribute(CKA.CKA_WRAP, false), Attribute(CKA.CKA_UNWRAP, false), Attribute(CKA.CKA_SIGN, false), Attribute(CKA.CKA_VERIFY, false),
            ]);
        return id;
    }

    public void Destroy(string id)
    {
        _session.DestroyObject(Find(id));
        _handles.Remove(id);
    }

    /// <summary>Whether there is such a key, told by asking the token.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public void Require(string id)
    {
        _handles.Remove(id);
        Find(id);
    }

    /// <returns>Ciphertext and tag.</returns>
    public byte[] Encrypt(string id, byte[] nonce, byte[] associatedData, byte[] plain)
    {
        using var gcm = Gcm(nonce, associatedData);
        return _session.Encrypt(gcm, Find(id), plain);
    }

    /// <param name="id">The key.</param>
    /// <param name="nonce">Of 96 bits.</param>
    /// <param name="associatedData">What it must have been encrypted with.</param>
    /// <param name="encrypted">Ciphertext and tag.</param>
    /// <exception cref="CryptographicException">It is not authentic.</exception>
    public byte[] Decrypt(string id, byte[] nonce, byte[] associatedData, byte[] encrypted)
    {
        var key = Find(id);
        try
        {
            using var gcm = Gcm(nonce, associatedData);
            return _session.Decrypt(gcm, key, encrypted);
        }
        catch (Pkcs11Exception exception) when (exception.RV is CKR.CKR_GENERAL_ERROR or CKR.CKR_FUNCTION_FAILED)
        {
            // Softhsm says so of a wrong tag too. Where the key still opens what it has just sealed, it is the tag.
            var probe = new byte[NonceSize];
            RandomNumberGenerator.Fill(probe);
            using var there = Gcm(probe, associatedData);
            var fresh = _session.Encrypt(there, key, new byte[TagSize]);
            using var back = Gcm(probe, associatedData);
            _session.Decrypt(back, key, fresh);
            throw new CryptographicException("The wrapped key is not one of this KEK's, or belongs to another record.", exception);
        }
    }

    public void Dispose()
    {
        try
        {
            _session.Dispose();
        }
        catch (Pkcs11Exception)
        {
            // It was void already.
        }
    }

    private static (ISlot Slot, ITokenInfo Token) FindToken(IPkcs11Library library, Pkcs11Options options)
    {
        var found = new List<(ISlot Slot, ITokenInfo Token)>();
        foreach (var slot in library.GetSlotList(SlotsType.WithTokenPresent))
        {
            if (options.Slot is { } wanted && slot.SlotId != wanted)
            {
                continue;
            }

            try
            {
                if (slot.GetTokenInfo() is var token && token.Label.Trim() == options.TokenLabel.Trim())
                {
                    found.Add((slot, token));
                }
            }
            catch (Pkcs11Exception)
            {
                // Another slot's trouble. If it is this token's, it will be missing below.
            }
        }

        return found.Count switch
        {
            1 => found[0],
            0 => throw new Pkcs11Exception($"No token with the label '{options.TokenLabel}': C_GetSlotList", CKR.CKR_TOKEN_NOT_PRESENT),
            _ => throw new VaultRefusedException($"{found.Count} tokens have the label '{options.TokenLabel}'. Set Vault:Pkcs11:Slot to one of {string.Join(", ", found.Select(f => f.Slot.SlotId))}."),
        };
    }

    private IObjectHandle Find(string id)
    {
        if (_handles.TryGetValue(id, out var known))
        {
            return known;
        }

        var found = _session.FindAllObjects([.. Template(), Attribute(CKA.CKA_ID, Convert.FromHexString(id))]);
        if (found.Count == 0)
        {
            RequireToken();
            throw new KeyNotFoundException($"The token has no AES key '{_label}' with the id {id}. It was destroyed, or the token was replaced: restore the one that sealed this record.");
        }

        return found.Count == 1 ? _handles[id] = found[0] : throw new VaultRefusedException($"The token has {found.Count} keys '{_label}' with the id {id}. Destroy the wrong ones.");
    }

    /// <summary>Nothing is found on a token that is gone, or without a login, either: that is not to be taken for no key.</summary>
    private void RequireToken()
    {
        _slot.GetTokenInfo();
        if (_session.GetSessionInfo().State != CKS.CKS_RW_USER_FUNCTIONS)
        {
            throw new Pkcs11Exception("C_GetSessionInfo", CKR.CKR_USER_NOT_LOGGED_IN);
        }
    }

    private TokenKey Describe(IObjectHandle handle)
    {
        var read = _session.GetAttributeValue(handle, [CKA.CKA_ID, CKA.CKA_SENSITIVE, CKA.CKA_EXTRACTABLE, CKA.CKA_ENCRYPT, CKA.CKA_DECRYPT, CKA.CKA_VALUE_LEN]);
        bool Is(int index, bool value) => !read[index].CannotBeRead && read[index].GetValueAsBool() == value;
        return new TokenKey(
            Convert.ToHexStringLower(read[0].CannotBeRead ? [] : read[0].GetValueAsByteArray() ?? []),
            Is(1, true) && Is(2, false),
            Is(3, true) && Is(4, true));
    }

    private List<IObjectAttribute> Template() =>
    [
        Factories.ObjectAttributeFactory.Create(CKA.CKA_CLASS, CKO.CKO_SECRET_KEY),
        Factories.ObjectAttributeFactory.Create(CKA.CKA_KEY_TYPE, CKK.CKK_AES),
        Attribute(CKA.CKA_TOKEN, true),
        Attribute(CKA.CKA_LABEL, _label),
    ];

    private static IObjectAttribute Attribute(CKA type, bool value) => Factories.ObjectAttributeFactory.Create(type, value);

    private static IObjectAttribute Attribute(CKA type, string value) => Factories.ObjectAttributeFactory.Create(type, value);

    private static IObjectAttribute Attribute(CKA type, byte[] value) => Factories.ObjectAttributeFactory.Create(type, value);

    private static IMechanism Gcm(byte[] nonce, byte[] associatedData) =>
        Factories.MechanismFactory.Create(CKM.CKM_AES_GCM, Factories.MechanismParamsFactory.CreateCkGcmParams(nonce, NonceSize * 8, associatedData, TagSize * 8));
}
