using System.Security.Cryptography;
using System.Text;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.OpenInference;
using Gateway.Server.Proxy;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Hosting;

/// <summary>Asks every HTTP call for the server's access token, as <c>Authorization: Bearer …</c>.</summary>
/// <remarks>A tenant's API key is as good. Health is told to anybody: probes have no secrets; so is what proxied routes are configured to give anonymously.</remarks>
internal static class AccessToken
{
    private const string Scheme = "Bearer ";

    public static void UseAccessToken(this WebApplication app, string token, TenantDirectory tenants)
    {
        byte[] expected = Encoding.UTF8.GetBytes(token);
        app.Use(next => context =>
        {
            if (IsForAnybody(context)) return next(context);
            string given = context.Request.Headers.Authorization.ToString();
            if (Admits(given, expected, tenants)) return next(context);
            context.Response.Headers.WWWAuthenticate = "Bearer";
            ErrorWriter.Write(context, StatusCode.Unauthenticated, Problem(given.Length > 0));
            return Task.CompletedTask;
        });
    }

    /// <summary>Whether a call may pass.</summary>
    /// <param name="given">Its <c>Authorization</c> header; empty for none.</param>
    /// <param name="expected">The server's token.</param>
    public static bool Admits(string given, ReadOnlySpan<byte> expected, TenantDirectory tenants)
    {
        if (!given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return false;
        byte[] shown = Encoding.UTF8.GetBytes(given[Scheme.Length..].Trim());
        return IsRight(expected, shown) || tenants.FindByKey(shown) is not null;
    }

    private static bool IsForAnybody(HttpContext context) => ProxyRouting.RouteOf(context) is null
        ? Route.Of(context).Kind is RouteKind.Live or RouteKind.Ready
        : context.GetEndpoint()!.Metadata.GetMetadata<IAllowAnonymous>() is not null;

    /// <summary>Compares in a time that tells nothing about the token.</summary>
    public static bool IsRight(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> given) => CryptographicOperations.FixedTimeEquals(expected, given);

    public static string Problem(bool isGiven) => isGiven ? "the access token is wrong" : "this server asks for an access token";
}
