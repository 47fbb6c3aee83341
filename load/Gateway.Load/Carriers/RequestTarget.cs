namespace Gateway.Load.Carriers;

/// <summary>What a request is for.</summary>
/// <param name="Authority">Host and port, as HTTP's <c>Host</c> has them.</param>
/// <param name="Model">Empty for a plain target.</param>
/// <param name="Version">Empty for the server's choice.</param>
/// <param name="Path">Of a plain target.</param>
/// <param name="HasTimeout">Whether each request says how much time it has.</param>
/// <param name="Headers">More of HTTP's, each without line end.</param>
/// <param name="Token">The access token; null for none.</param>
/// <param name="IsTls">Whether connections are encrypted.</param>
/// <param name="Method">Of a plain target; null for GET, or POST where there is a body.</param>
internal sealed record RequestTarget(string Authority, string Model, string Version, string Path, bool HasTimeout, IReadOnlyList<string> Headers, string? Token, bool IsTls = false, string? Method = null);
