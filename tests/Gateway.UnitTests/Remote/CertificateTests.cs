using Gateway.Protocol;
using Gateway.UnitTests.Client;

namespace Gateway.UnitTests.Remote;

/// <summary>Servers of models whose certificates nobody has signed that this machine knows.</summary>
public sealed class CertificateTests
{
    [Theory]
    [InlineData("https")]
    [InlineData("grpcs")]
    public async Task UnknownAuthority_ModelIsNotLoaded_AndSaysWhy(string scheme)
    {
        using TestCertificate certificate = new();
        await using FakeUpstream upstream = await FakeUpstream.StartAsync(certificate: certificate.Server);
        await using RemoteRepository repository = new(new UriBuilder(upstream.Address) { Scheme = scheme }.Uri);

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(repository.LoadAsync);

        Assert.Contains("cannot be reached: no secure connection could be made", error.Message, StringComparison.Ordinal);
        Assert.Empty(upstream.Batches);
    }
}
