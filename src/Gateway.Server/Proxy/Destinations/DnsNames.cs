using System.Globalization;
using System.Net;
using DnsClient;
using DnsClient.Protocol;
using Gateway.Server.Proxy.Configuration;

namespace Gateway.Server.Proxy.Destinations;

/// <summary>Asks name servers for A, AAAA and SRV records.</summary>
/// <remarks>
/// <b>Behaviour</b>: an answer is used for the least time to live of its records, within the limits of <see cref="DnsOptions"/>. A name without addresses is a failure as one that does
/// not exist is: a service is rather kept where it was last than nowhere. Names are asked as they are: no search list, no <c>hosts</c> file. <b>Threading</b>: any.
/// </remarks>
internal sealed class DnsNames
{
    private readonly DnsOptions _options;
    private readonly LookupClient _client;

    public DnsNames(DnsOptions options)
    {
        _options = options;
        IPEndPoint[] servers = [.. options.NameServers.Select(text => OptionsRules.TryParseServer(text, out IPEndPoint server) ? server : throw new ArgumentException(text, nameof(options)))];

        // An answer is kept here for as long as it holds: no second cache.
        LookupClientOptions client = servers.Length > 0 ? new LookupClientOptions(servers) : new LookupClientOptions();
        client.UseCache = false;
        client.Timeout = options.Timeout;
        client.Retries = 1;
        client.ContinueOnDnsError = true;
        _client = new LookupClient(client);
    }

    /// <param name="target">A URI whose host is a name; the addresses are the same with the host replaced.</param>
    /// <exception cref="ResolutionException">No name server answers, or the name has no address.</exception>
    public async Task<FoundAddresses> FindHostsAsync(Uri target, CancellationToken cancellation)
    {
        (IReadOnlyList<IPAddress> addresses, int seconds) = await FindHostAsync(target.DnsSafeHost, cancellation).ConfigureAwait(false);
        return new FoundAddresses([.. addresses.Select(address => new FoundAddress(With(target, address, target.Port), target.Authority, ""))], ValidFor(seconds));
    }

    /// <param name="target">A URI whose host is a service's name. Of its records, those of the first priority are taken; their weights are metadata.</param>
    /// <exception cref="ResolutionException">Likewise.</exception>
    public async Task<FoundAddresses> FindServicesAsync(Uri target, CancellationToken cancellation)
    {
        IDnsQueryResponse answer = await AskAsync(target.DnsSafeHost, QueryType.SRV, cancellation).ConfigureAwait(false);
        SrvRecord[] records = [.. answer.Answers.SrvRecords()];
        if (records.Length == 0) throw None(target.DnsSafeHost, "SRV", answer);
        ushort first = records.Min(record => record.Priority);
        int seconds = Ttl(answer);
        List<FoundAddress> found = [];
        ResolutionException? problem = null;
        foreach (SrvRecord record in records.Where(record => record.Priority == first))
        {
            string host = record.Target.Value.TrimEnd('.');

            // A single point for a target: the service is decidedly not there.
            if (host.Length == 0) continue;
            IReadOnlyList<IPAddress> addresses;
            int hostSeconds;
            try
            {
                (addresses, hostSeconds) = await FindHostAsync(host, cancellation).ConfigureAwait(false);
            }
            catch (ResolutionException error)
            {
                // The others are there all the same.
                problem = error;
                continue;
            }

            seconds = Math.Min(seconds, hostSeconds);
            string words = record.Weight > 0 ? string.Create(CultureInfo.InvariantCulture, $"weight={record.Weight}") : "";
            found.AddRange(addresses.Select(address => new FoundAddress(With(target, address, record.Port), $"{host}:{record.Port}", words)));
        }

        if (found.Count == 0) throw problem ?? None(target.DnsSafeHost, "SRV", answer);

        // Those that are missing now may be there soon.
        if (problem is not null) seconds = 0;
        if (found.Count > FoundAddresses.Most) throw TooMany(target.DnsSafeHost, found.Count);

        // Two targets may be the same place.
        return new FoundAddresses([.. found.DistinctBy(each => each.Address).OrderBy(each => each.Address.Authority, StringComparer.Ordinal)], ValidFor(seconds));
    }

    private async Task<(IReadOnlyList<IPAddress> Addresses, int Seconds)> FindHostAsync(string name, CancellationToken cancellation)
    {
        // A target may be written as an address.
        if (IPAddress.TryParse(name, out IPAddress? literal)) return ([literal], int.MaxValue);
        Task<IDnsQueryResponse> four = AskAsync(name, QueryType.A, cancellation);
        Task<IDnsQueryResponse> six = AskAsync(name, QueryType.AAAA, cancellation);
        await Task.WhenAny(Task.WhenAll(four, six)).ConfigureAwait(false);
        if (four.IsFaulted && six.IsFaulted || four.IsCanceled) await four.ConfigureAwait(false);
        List<IPAddress> found = [];
        int seconds = int.MaxValue;
        foreach (Task<IDnsQueryResponse> one in (Task<IDnsQueryResponse>[])[four, six])
        {
            // Servers there are that answer for one kind alone: one answer is enough.
            if (!one.IsCompletedSuccessfully) continue;
            IDnsQueryResponse answer = await one.ConfigureAwait(false);
            IPAddress[] addresses = [.. answer.Answers.AddressRecords().Select(record => record.Address)];
            if (addresses.Length > 0) seconds = Math.Min(seconds, Ttl(answer));
            found.AddRange(addresses);
        }

        if (found.Count > FoundAddresses.Most) throw TooMany(name, found.Count);
        if (found.Count == 0) throw None(name, "A or AAAA", four.IsCompletedSuccessfully ? await four.ConfigureAwait(false) : await six.ConfigureAwait(false));
        return ([.. found.Distinct().OrderBy(address => address.ToString(), StringComparer.Ordinal)], seconds);
    }

    private async Task<IDnsQueryResponse> AskAsync(string name, QueryType type, CancellationToken cancellation)
    {
        try
        {
            return await _client.QueryAsync(name, type, cancellationToken: cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is DnsResponseException or DnsXidMismatchException or System.Net.Sockets.SocketException or ArgumentException)
        {
            throw new ResolutionException($"{name}: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    private TimeSpan ValidFor(int seconds)
    {
        TimeSpan ttl = TimeSpan.FromSeconds(seconds);
        return ttl < _options.MinimumTtl ? _options.MinimumTtl : ttl > _options.MaximumTtl ? _options.MaximumTtl : ttl;
    }

    // Every record on the way counts: an alias may change before what it stands for.
    private static int Ttl(IDnsQueryResponse answer) => answer.Answers.Select(record => record.InitialTimeToLive).DefaultIfEmpty(0).Min();

    private static Uri With(Uri target, IPAddress address, int port) => new UriBuilder(target.Scheme, address.ToString(), port, target.AbsolutePath).Uri;

    private static ResolutionException None(string name, string records, IDnsQueryResponse answer) =>
        new($"{name}: {(answer.HasError ? answer.ErrorMessage : $"there are no {records} records")}");

    private static ResolutionException TooMany(string name, int count) => new($"{name}: {count} addresses are too many (allowed {FoundAddresses.Most})");
}
