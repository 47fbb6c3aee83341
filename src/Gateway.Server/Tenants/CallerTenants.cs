using System.Text;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.Hosting;
using Gateway.Server.Overflow;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Gateway.Server.Tenants;

/// <summary>Finds out whose a call is, by its key or by the name that it says, and lets it in within its tenant's limits.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: no allocation; of a key, one SHA-256.</remarks>
public sealed class CallerTenants(TenantDirectory directory, ServerOptions options)
{
    public const string HeaderName = "Inference-Tenant";

    private const string Scheme = "Bearer ";

    private readonly bool _trustsNames = options.Tenants?.TrustNames ?? false;

    // With an access token whatever is shown has been compared with it on the way here; without, it can only have been meant for a key.
    private readonly bool _mustKnowKeys = directory.HasKeys && options.AccessToken is null;

    /// <summary>Whether calls have tenants.</summary>
    public bool AreOn => directory.IsOn;

    /// <summary>Lets an HTTP call in, unless that has been done already, before it was known where it is served.</summary>
    /// <exception cref="InferenceException">As below.</exception>
    public bool TryEnter(HttpContext context, out Tenant? tenant, out TenantRefusal refusal)
    {
        refusal = default;
        tenant = null;
        if (!directory.IsOn) return true;
        if (OverflowCall.Of(context) is not { HasEntered: true } call) return TryEnter(context.Request.Headers, out tenant, out refusal, context.Features.Get<WarmUpCall>());
        tenant = call.TakeTenant();
        return true;
    }

    /// <summary>Lets an HTTP call in.</summary>
    /// <param name="tenant">Whose it is, and has let it in: to be handed to a request, or told that it is over. Null where calls have no tenants.</param>
    /// <param name="refusal">Which of its tenant's limits it exceeds.</param>
    /// <param name="warmUp">Of a call with which another gateway warms this one up, which is no tenant's unless it says so; null for all others.</param>
    /// <exception cref="InferenceException">It is nobody's who may call, or what it says is not a name.</exception>
    internal bool TryEnter(IHeaderDictionary headers, out Tenant? tenant, out TenantRefusal refusal, WarmUpCall? warmUp = null)
    {
        refusal = default;
        tenant = null;
        if (!directory.IsOn) return true;
        Tenant found = Find(headers);
        if (warmUp is not null && ReferenceEquals(found, directory.Unnamed) && warmUp.TryPass()) return true;
        bool hasEntered = directory.TryEnter(ref found, out refusal);
        tenant = found;
        return hasEntered;
    }

    /// <summary>Lets a call of a tenant in that was found before.</summary>
    /// <param name="tenant">Whoever has its name by now.</param>
    public bool TryEnter(ref Tenant tenant, out TenantRefusal refusal) => directory.TryEnter(ref tenant, out refusal);

    /// <summary>The tenant of a key; null when it is nobody's and need not be anybody's.</summary>
    /// <exception cref="InferenceException">It is nobody's, and nothing else that could be shown here.</exception>
    public Tenant? ByKey(ReadOnlySpan<byte> utf8Key)
    {
        if (!directory.HasKeys || utf8Key.IsEmpty) return null;
        if (directory.FindByKey(utf8Key) is { } tenant) return tenant;
        return _mustKnowKeys ? throw new InferenceException(StatusCode.Unauthenticated, "the API key is not known") : null;
    }

    /// <summary>The tenant of a name that a client says; null where names are not believed.</summary>
    /// <exception cref="InferenceException">It is no name, or of nobody who may call.</exception>
    public Tenant? ByName(ReadOnlySpan<byte> utf8Name)
    {
        if (!_trustsNames) return null;
        if (!TenantName.IsValid(utf8Name)) throw NoName();
        return directory.Find(utf8Name) ?? throw Unknown(Encoding.ASCII.GetString(utf8Name));
    }

    /// <summary>The tenant of calls that say none; null where calls have no tenants.</summary>
    /// <exception cref="InferenceException">Such are refused.</exception>
    public Tenant? Unnamed() => directory.IsOn
        ? directory.Unnamed ?? throw new InferenceException(StatusCode.Unauthenticated, _trustsNames ? "the request names no tenant and shows no API key" : "the request shows no API key")
        : null;

    private Tenant Find(IHeaderDictionary headers)
    {
        if (directory.HasKeys && headers.Authorization.ToString() is { Length: > 0 } shown && ByCredential(shown) is { } byKey) return byKey;
        if (!_trustsNames || !headers.TryGetValue(HeaderName, out StringValues names) || names.Count == 0) return Unnamed()!;
        if (names.Count > 1) throw new InferenceException(StatusCode.InvalidArgument, $"{HeaderName} is given more than once");
        string name = names.ToString();
        if (!TenantName.IsValid(name)) throw NoName();
        return directory.Find(name) ?? throw Unknown(name);
    }

    private Tenant? ByCredential(string shown)
    {
        // Of another scheme, it is for somebody else.
        if (!shown.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return null;
        Span<byte> key = stackalloc byte[ApiKeyText.MostBytes + 1];
        ReadOnlySpan<char> text = shown.AsSpan(Scheme.Length).Trim();
        return ByKey(Encoding.UTF8.TryGetBytes(text, key, out int length) ? key[..length] : key);
    }

    private static InferenceException NoName() => new(StatusCode.InvalidArgument, $"a tenant's name must be {TenantName.Rule}");

    private static InferenceException Unknown(string name) => new(StatusCode.PermissionDenied, $"tenant '{name}' is not known");
}
