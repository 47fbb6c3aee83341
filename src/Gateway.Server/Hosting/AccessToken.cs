using System.Security.Cryptography;
using System.Text;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Builder;

namespace Gateway.Server.Hosting;

/// <summary>Asks every HTTP call for the server's access token, as <c>Authorization: Bearer …</c>.</summary>
/// <remarks>A tenant's API key is as good. Health is told to anybody: probes have no secrets.</remarks>
internal static class AccessToken
{
    private const string Scheme = "Bearer ";

    public static void UseAccessToken(this WebApplication app, string token, TenantDirectory tenants)
    {
        byte[] expected = Encoding.UTF8.GetBytes(token);
        app.Use(next => context =>
        {
            if (context.Request.Path.StartsWithSegments("/v2/health", StringComparison.Ordinal)) return next(context);
            string given = context.Request.Headers.Authorization.ToString();
            if (given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            {
                byte[] shown = Encoding.UTF8.GetBytes(given[Scheme.Length..].Trim());
                if (IsRight(expected, shown) || tenants.FindByKey(shown) is not null) return next(context);
            }

            context.Response.Headers.WWWAuthenticate = "Bearer";
            ErrorWriter.Write(context, StatusCode.Unauthenticated, Problem(given.Length > 0));
            return Task.CompletedTask;
        });
    }

    /// <summary>Compares in a time that tells nothing about the token.</summary>
    public static bool IsRight(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> given) => CryptographicOperations.FixedTimeEquals(expected, given);

    public static string Problem(bool isGiven) => isGiven ? "the access token is wrong" : "this server asks for an access token";
}
